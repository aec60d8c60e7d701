"""The Keras model as the device will see it: bytes of pixels in, scores out, in floating point."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from edgevision.errors import BadModel
from edgevision.rule import Rule

from . import backend
from .infer_rule import InferredRule
from .load import LoadedModel

if TYPE_CHECKING:
    import numpy.typing as npt

    from edgevision.data import Pixels


@dataclass(frozen=True, slots=True, eq=False)
class FloatModel:
    """What is quantized, and what the quantized model is compared with."""

    keras: Any
    rule: Rule
    """How a picture becomes its input; scalar mean and std, RGB or gray, always."""
    matrix: npt.NDArray[np.float32] | None
    """(3, 3), from the input's channels to the network's, and ``offset``: a 1x1 convolution before the network."""
    offset: npt.NDArray[np.float32] | None

    @property
    def shape(self) -> tuple[int, int, int]:
        """height, width, channels of the input."""
        return self.rule.height, self.rule.width, self.rule.channels

    def concrete(self) -> Any:
        """A TensorFlow function of one picture, float32 (1, height, width, channels), without a free dimension."""
        tf = backend.tensorflow()
        spec = tf.TensorSpec((1, *self.shape), tf.float32, name="image")
        return tf.function(self.call, autograph=False, input_signature=[spec]).get_concrete_function()

    def call(self, real: Any) -> Any:
        """Normalized pictures (TensorFlow tensor) to the network's output (TensorFlow tensor)."""
        tf = backend.tensorflow()
        if self.matrix is not None:
            kernel = tf.constant(self.matrix[np.newaxis, np.newaxis])
            real = tf.nn.bias_add(tf.nn.conv2d(real, kernel, 1, "VALID"), tf.constant(self.offset))
        return self.keras(real, training=False)

    def normalize(self, pixels: Pixels) -> npt.NDArray[np.float32]:
        """Bytes as the real values that the input's quantization stands for."""
        return _real(pixels, self.rule)

    def outputs(self, batch: Pixels) -> npt.NDArray[np.float32]:
        """What the network says of uint8 pictures (n, height, width, channels): (n, outputs)."""
        tf = backend.tensorflow()
        return np.asarray(self.call(tf.constant(self.normalize(batch))), dtype=np.float32)


def make_float_model(loaded: LoadedModel, inferred: InferredRule) -> FloatModel:
    """The model with its normalization moved into the input's quantization as far as one scale can express it.

    The rest (a mean and std per channel, the order BGR) becomes a 1x1 convolution at the input. So does nothing at all
    where the network begins by moving channels about: it keeps the input's range apart from theirs. Raises BadModel.
    """
    model = loaded.keras
    if inferred.cut is not None:
        model = _without_rescaling(loaded, inferred)
    rule = inferred.rule
    if _fits_one_scale(rule) and not inferred.moves:
        return FloatModel(model, rule, None, None)
    matrix, offset = _input_convolution(rule)
    return FloatModel(model, replace(rule, order="RGB", mean=(0.0,), std=(1.0,)), matrix, offset)


def _fits_one_scale(rule: Rule) -> bool:
    # A mean outside 0..255 would leave zero outside the input's range, which quantization then stretches to zero.
    return rule.scalar and rule.order != "BGR" and 0.0 <= rule.mean[0] <= 255.0


def _input_convolution(rule: Rule) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """(pixel - mean) / std per channel of the network, from RGB (or gray) bytes."""
    mean = np.broadcast_to(np.asarray(rule.mean), rule.channels)
    std = np.broadcast_to(np.asarray(rule.std), rule.channels)
    reads = range(rule.channels - 1, -1, -1) if rule.order == "BGR" else range(rule.channels)
    matrix = np.zeros((rule.channels, rule.channels), np.float32)
    for channel, source in enumerate(reads):
        matrix[source, channel] = 1.0 / std[channel]
    return matrix, (-mean / std).astype(np.float32)


def _without_rescaling(loaded: LoadedModel, inferred: InferredRule) -> Any:
    """Neutralises the Rescaling layer: times 1 plus 0 is dropped from the converted graph."""
    assert inferred.cut is not None
    layer = loaded.keras
    for name in inferred.cut.path:
        layer = layer.get_layer(name)
    pixels = np.arange(loaded.height * loaded.width * loaded.channels) % 256
    real = _real(pixels.reshape(1, loaded.height, loaded.width, loaded.channels), inferred.rule)
    scale, offset = np.float32(layer.scale), np.float32(layer.offset)
    before = np.asarray(loaded.keras((real - offset) / scale, training=False))
    layer.scale, layer.offset = 1.0, 0.0
    after = np.asarray(loaded.keras(real, training=False))
    if not np.allclose(before, after, rtol=1e-3, atol=1e-4):
        raise BadModel(
            f"{loaded.scan.path}: cutting off the Rescaling layer {layer.name!r} changes the model's answers; "
            "build it without that layer and give --mean and --std"
        )
    return loaded.keras


def _real(pixels: npt.NDArray[Any], rule: Rule) -> npt.NDArray[np.float32]:
    mean, std = np.asarray(rule.mean, np.float32), np.asarray(rule.std, np.float32)
    return (pixels.astype(np.float32) - mean) / std
