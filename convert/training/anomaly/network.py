"""The network: a backbone with ImageNet or starter weights, cut at two inner layers, quantized with the good photos.

Locally aware patch features as in PatchCore (K. Roth et al., CVPR 2022): the maps of two strides, each averaged over 3x3
patches, the coarser one enlarged, side by side.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from edgevision.errors import BadInput
from edgevision.preprocessing.transform import pixels

from ... import backend
from ...tflite_converter import int8_flatbuffer
from ..network.backbones import CNN, BackboneSpec, blocks, build
from ..network.initial_weights import Origin, initialize

if TYPE_CHECKING:
    import numpy.typing as npt

    from edgevision.preprocessing.spec import Preprocessing
    from edgevision.types import Frame, Pixels

STRIDES = (8, 16)
AROUND = 3
"""Side of the neighborhood that a patch is averaged over, in patches."""
SCALED_ON = 8
"""Photos on which the two maps are brought to the same scale."""


class PatchNetwork(NamedTuple):
    """A quantized network from an image to its patch features."""

    flatbuffer: bytes
    origin: Origin
    preprocessing: Preprocessing
    layers: tuple[str, ...]
    """Names of the layers whose maps it uses."""


def make_network(
    choice: BackboneSpec, weights: str, preprocessing: Preprocessing, frames: Sequence[Frame]
) -> PatchNetwork:
    """Build, cut and quantize a backbone; ``frames``: good photos. Raises BadInput, BadModel, MissingFile."""
    if choice.backbone == CNN:
        raise BadInput("the backbone cnn has no pretrained weights, which anomalies need; leave out --backbone")
    if choice.image_size % max(STRIDES):
        raise BadInput(f"image size {choice.image_size} is invalid: anomalies need a multiple of {max(STRIDES)}")
    keras = backend.keras()
    backbone = build(choice)
    origin = initialize(backbone, choice, weights)
    names = _taps(backbone, choice)
    images = [pixels(frame, preprocessing) for frame in frames]
    maps = keras.Model(backbone.input, [backbone.get_layer(name).output for name in names])
    model = _patches(maps, _scales(maps, preprocessing, images[:SCALED_ON]))
    return PatchNetwork(_int8(model, preprocessing, images), origin, preprocessing, tuple(names))


def _int8(model: Any, preprocessing: Preprocessing, images: Sequence[Pixels]) -> bytes:
    """Quantize; a black and a white image make the input range cover all bytes, as in every int8 model here."""
    tf = backend.tensorflow()
    shape = (1, preprocessing.height, preprocessing.width, preprocessing.channels)
    spec = tf.TensorSpec(shape, tf.float32, name="image")
    call = tf.function(lambda image: model(image, training=False), autograph=False, input_signature=[spec])
    extremes = [np.full(shape[1:], level, np.uint8) for level in (0, 255)]
    samples = [[_normalized(image[np.newaxis], preprocessing)] for image in (*images, *extremes)]
    return int8_flatbuffer(call.get_concrete_function(), lambda: samples)


def _normalized(batch: Pixels, preprocessing: Preprocessing) -> npt.NDArray[np.float32]:
    return (batch.astype(np.float32) - np.float32(preprocessing.mean[0])) / np.float32(preprocessing.std[0])


def _taps(backbone: Any, choice: BackboneSpec) -> list[str]:
    """Return the last block of each stride: bottlenecks, which are narrow."""
    found = {}
    for name in blocks(backbone, choice.row):
        shape = backbone.get_layer(name).output.shape
        if choice.image_size % shape[1] == 0:
            found[choice.image_size // shape[1]] = name
    missing = [str(stride) for stride in STRIDES if stride not in found]
    if missing:
        raise BadInput(f"{choice.describe()} has no layer of stride {' and '.join(missing)}; choose another --backbone")
    return [found[stride] for stride in STRIDES]


def _scales(maps: Any, preprocessing: Preprocessing, images: Sequence[Any]) -> list[float]:
    """Return the factor of each map that makes its standard deviation 1, so that neither decides the distance alone."""
    batch = _normalized(np.stack(images), preprocessing)
    return [1.0 / max(1e-6, float(np.std(np.asarray(one)))) for one in maps(batch, training=False)]


def _patches(maps: Any, scales: Sequence[float]) -> Any:
    keras = backend.keras()
    layers = keras.layers
    fine, coarse = (
        layers.Rescaling(scale)(layers.AveragePooling2D(AROUND, 1, "same")(one))
        for one, scale in zip(maps.outputs, scales, strict=True)
    )
    larger = layers.UpSampling2D(fine.shape[1] // coarse.shape[1], interpolation="bilinear")(coarse)
    return keras.Model(maps.input, layers.Concatenate()([fine, larger]))
