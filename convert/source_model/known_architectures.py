"""The keras.applications architectures: their characteristic layer names and the preprocessing of their ImageNet weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from edgevision.preprocessing.spec import ModelOrder

IMAGENET_CLASSES = (1000, 1001)
"""1001: with a background class at index 0."""
CROP_FRACTION = 0.875
"""Share of the largest centered square; the published ImageNet scores of these networks were measured with it."""
Where = Literal["outside", "inside"]


@dataclass(frozen=True, slots=True)
class Architecture:
    """A family of networks."""

    name: str
    backbone: frozenset[str]
    """Names of layers that together occur only in this family."""
    top: str
    """Name of the layer that outputs the ImageNet scores."""
    normalization: Where = "outside"
    """inside: the network takes 0..255 and rescales in its own layers."""
    order: ModelOrder = "RGB"
    mean: tuple[float, ...] = (127.5,)
    """On the 0..255 pixel scale, in the network's channel order."""
    std: tuple[float, ...] = (127.5,)


CAFFE_MEAN = (103.939, 116.779, 123.68)
"""ImageNet mean in the order blue, green, red; keras.applications calls this mode "caffe"."""
TORCH_MEAN = (123.675, 116.28, 103.53)
TORCH_STD = (58.395, 57.12, 57.375)
"""ImageNet mean and standard deviation in the order red, green, blue, times 255; keras.applications calls this mode "torch"."""

ARCHITECTURES = (
    Architecture("MobileNet", frozenset({"conv1", "conv_dw_1", "conv_pw_13"}), "predictions"),
    Architecture("MobileNetV2", frozenset({"Conv1", "expanded_conv_depthwise", "block_16_project"}), "predictions"),
    Architecture(
        "MobileNetV3", frozenset({"conv_bn", "expanded_conv_depthwise", "conv_1_bn"}), "predictions", "inside"
    ),
    Architecture("EfficientNet", frozenset({"stem_conv", "block1a_project_conv", "top_conv"}), "predictions", "inside"),
    Architecture("ResNetV2", frozenset({"conv1_conv", "conv2_block1_preact_bn", "post_bn"}), "predictions"),
    Architecture(
        "ResNet",
        frozenset({"conv1_conv", "conv2_block1_1_conv", "conv5_block3_out", "conv1_bn"}),
        "predictions",
        order="BGR",
        mean=CAFFE_MEAN,
        std=(1.0,),
    ),
    Architecture(
        "VGG",
        frozenset({"block1_conv1", "block5_conv3", "block5_pool"}),
        "predictions",
        order="BGR",
        mean=CAFFE_MEAN,
        std=(1.0,),
    ),
    Architecture(
        "DenseNet",
        frozenset({"conv2_block1_concat", "pool4_conv", "conv5_block16_concat"}),
        "predictions",
        mean=TORCH_MEAN,
        std=TORCH_STD,
    ),
    Architecture("NASNet", frozenset({"stem_conv1", "stem_bn1", "normal_conv_1_0"}), "predictions"),
    Architecture("InceptionV3", frozenset({"mixed0", "mixed10"}), "predictions"),
    Architecture("InceptionResNetV2", frozenset({"mixed_5b", "mixed_7a", "conv_7b"}), "predictions"),
    Architecture("Xception", frozenset({"block1_conv1", "block14_sepconv2"}), "predictions"),
)


def recognise(layer_names: frozenset[str]) -> Architecture | None:
    """Return the family whose backbone these layers contain, or None."""
    found = _with_current(layer_names)
    return next((a for a in ARCHITECTURES if a.backbone <= found), None)


def current_name(layer_name: str) -> str:
    """Return the Keras 3 name of a layer; Keras 2's MobileNetV3 writes Conv/BatchNorm where Keras 3 writes conv_bn."""
    return layer_name.replace("/BatchNorm", "_bn").replace("/", "_").lower()


def _with_current(layer_names: frozenset[str]) -> frozenset[str]:
    old = any("/" in name for name in layer_names)
    return layer_names | {current_name(name) for name in layer_names} if old else layer_names


def is_imagenet(architecture: Architecture, own_layers: frozenset[str], classes: int) -> bool:
    """Return whether the whole network is the published one, including its top; its preprocessing is then known.

    A backbone under another head was trained again, possibly with other preprocessing.
    """
    own_layers = _with_current(own_layers)
    complete = architecture.backbone <= own_layers and architecture.top in own_layers
    return complete and classes in IMAGENET_CLASSES
