"""EfficientNet-Lite as a Keras network: ReLU6 and no squeeze blocks, made for int8 hardware.

R. Liu, 2020, Higher accuracy on vision models with EfficientNet-Lite (the TensorFlow blog); M. Tan and Q. Le, 2019,
EfficientNet (arXiv:1905.11946), for the compound scaling.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from edgevision.errors import BadModel

from ... import backend

if TYPE_CHECKING:
    import numpy.typing as npt

STEM, TOP = 32, 1280
"""Filters of the first and of the last convolution; the Lite networks do not scale them."""
EPSILON = 1e-3
"""Epsilon of the batch normalization."""
WIDTH_STEP = 8
"""Numbers of filters are multiples of this."""


@dataclass(frozen=True, slots=True)
class _Stage:
    """A stage of the unscaled network: MBConv blocks with the same number of filters."""

    repeats: int
    kernel: int
    stride: int
    """Stride of its first block; the others have 1."""
    expansion: int
    """Factor by which a block widens its input before the depthwise convolution."""
    filters: int


STAGES = (
    _Stage(1, 3, 1, 1, 16),
    _Stage(2, 3, 2, 6, 24),
    _Stage(2, 5, 2, 6, 40),
    _Stage(3, 3, 2, 6, 80),
    _Stage(3, 5, 1, 6, 112),
    _Stage(4, 5, 2, 6, 192),
    _Stage(1, 3, 1, 6, 320),
)
SCALES = {"efficientnet_lite0": (1.0, 1.0), "efficientnet_lite1": (1.0, 1.1), "efficientnet_lite2": (1.1, 1.2)}
"""Name -> factors of the width and the depth."""


def build(name: str, side: int, channels: int) -> Any:
    """Build a network without its top, with random weights: from (b, side, side, channels) to the last feature map."""
    keras = backend.keras()
    width, depth = SCALES[name]
    inputs = keras.Input((side, side, channels))
    x = _normalized(keras.layers.Conv2D(STEM, 3, 2, "same", use_bias=False, name="stem")(inputs), "stem", active=True)
    number = 0
    for index, stage in enumerate(STAGES):
        outer = index in (0, len(STAGES) - 1)  # the Lite networks do not repeat the blocks of these stages
        for repeat in range(stage.repeats if outer else math.ceil(depth * stage.repeats)):
            stride = stage.stride if repeat == 0 else 1
            x = _block(x, f"mbconv_{number}", stage, stride, _scaled(stage.filters, width))
            number += 1
    x = _normalized(keras.layers.Conv2D(TOP, 1, use_bias=False, name="top")(x), "top", active=True)
    return keras.Model(inputs, x, name=name)


def _block(x: Any, name: str, stage: _Stage, stride: int, filters: int) -> Any:
    """Add an MBConv block: expand, filter each channel, project; with a shortcut where the shape stays the same."""
    layers = backend.keras().layers
    before, channels = x, x.shape[-1]
    if stage.expansion > 1:
        x = layers.Conv2D(stage.expansion * channels, 1, use_bias=False, name=f"{name}_expand")(x)
        x = _normalized(x, f"{name}_expand", active=True)
    x = layers.DepthwiseConv2D(stage.kernel, stride, "same", use_bias=False, name=f"{name}_depthwise")(x)
    x = _normalized(x, f"{name}_depthwise", active=True)
    x = layers.Conv2D(filters, 1, use_bias=False, name=f"{name}_project")(x)
    x = _normalized(x, f"{name}_project", active=False)
    return layers.Add(name=f"{name}_add")([before, x]) if stride == 1 and channels == filters else x


def _normalized(x: Any, name: str, active: bool) -> Any:
    layers = backend.keras().layers
    x = layers.BatchNormalization(epsilon=EPSILON, name=f"{name}_bn")(x)
    return layers.ReLU(6.0, name=f"{name}_relu")(x) if active else x


def _scaled(filters: int, width: float) -> int:
    """Return the scaled number of filters, the nearest multiple of WIDTH_STEP that is at most a tenth smaller."""
    wanted = filters * width
    nearest = max(WIDTH_STEP, int(wanted + WIDTH_STEP / 2) // WIDTH_STEP * WIDTH_STEP)
    return nearest + WIDTH_STEP if nearest < 0.9 * wanted else nearest


_BATCH_NORM = ("weight", "bias", "running_mean", "running_var")
"""Names of the arrays of a batch normalization in PyTorch, in the order of Keras."""
_PARTS = {
    "expand": ("_expand_conv", "_bn0"),
    "depthwise": ("_depthwise_conv", "_bn1"),
    "project": ("_project_conv", "_bn2"),
}
_ENDS = {"stem": ("_conv_stem", "_bn0"), "top": ("_conv_head", "_bn1")}


def assign(model: Any, tensors: Mapping[str, npt.NDArray[Any]]) -> None:
    """Copy the tensors of a PyTorch EfficientNet-Lite into a network without its top. Raises BadModel if they do not fit."""
    try:
        for layer in model.layers:
            if layer.weights:
                layer.set_weights(_arrays(layer.name, tensors))
    except (KeyError, ValueError) as error:
        raise BadModel(f"the weights do not fit {model.name} ({str(error).splitlines()[0]})") from None


def _arrays(name: str, tensors: Mapping[str, npt.NDArray[Any]]) -> list[Any]:
    """Return the arrays of a layer, in the order and layout of Keras."""
    part = name.removesuffix("_bn")
    convolution, norm = _torch_names(part)
    if part != name:
        return [tensors[f"{norm}.{array}"] for array in _BATCH_NORM]
    kernel = tensors[f"{convolution}.weight"]
    # PyTorch: (out, in, h, w); Keras: (h, w, in, out), but (h, w, channels, 1) for a depthwise convolution.
    return [kernel.transpose(2, 3, 0, 1) if part.endswith("_depthwise") else kernel.transpose(2, 3, 1, 0)]


def _torch_names(part: str) -> tuple[str, str]:
    """Return the names of a convolution and of the batch normalization after it."""
    if part in _ENDS:
        return _ENDS[part]
    _, number, kind = part.split("_")
    convolution, norm = _PARTS[kind]
    return f"_blocks.{number}.{convolution}", f"_blocks.{number}.{norm}"
