"""The floating-point model as the device will see it: pixel bytes in, scores out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from edgevision.errors import BadModel
from edgevision.preprocessing.spec import Preprocessing

from .. import backend
from . import layer_graph
from .infer_preprocessing import InferredPreprocessing
from .load import LoadedModel, as_own_input

if TYPE_CHECKING:
    import numpy.typing as npt

    from edgevision.types import Pixels


@dataclass(frozen=True, slots=True, eq=False)
class FloatModel:
    """The model to quantize, which is also the reference for the quantized one."""

    keras: Any
    preprocessing: Preprocessing
    """Its preprocessing; always with scalar mean and std, and RGB or gray."""
    matrix: npt.NDArray[np.float32] | None
    """(3, 3), maps input channels to network channels; with ``offset`` it is a 1x1 convolution before the network."""
    offset: npt.NDArray[np.float32] | None
    own_shape: tuple[int, ...] | None = None
    """Shape of the network's own input if it is not that of the image."""

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height, width and channels of the input."""
        return self.preprocessing.height, self.preprocessing.width, self.preprocessing.channels

    @property
    def layer_names(self) -> frozenset[str]:
        """Names of the layers, including those of nested models; a plain function has none."""
        return frozenset(_layer_names(self.keras))

    def concrete(self) -> Any:
        """Return a TensorFlow function of one image, float32 (1, height, width, channels), with a static shape."""
        tf = backend.tensorflow()
        spec = tf.TensorSpec((1, *self.shape), tf.float32, name="image")
        return tf.function(self.call, autograph=False, input_signature=[spec]).get_concrete_function()

    def call(self, real: Any) -> Any:
        """Run the network on normalized images; both are TensorFlow tensors."""
        tf = backend.tensorflow()
        if self.matrix is not None:
            kernel = tf.constant(self.matrix[np.newaxis, np.newaxis])
            real = tf.nn.bias_add(tf.nn.conv2d(real, kernel, 1, "VALID"), tf.constant(self.offset))
        return self.keras(as_own_input(real, self.own_shape), training=False)

    def normalize(self, pixels: Pixels) -> npt.NDArray[np.float32]:
        """Convert bytes to the normalized values that the quantized input represents."""
        return real_values(pixels, self.preprocessing)

    def results(self, batch: Pixels) -> list[npt.NDArray[np.float32]]:
        """Return all outputs of the network, each (n, ...), for uint8 images (n, height, width, channels)."""
        outputs = self.call(backend.tensorflow().constant(self.normalize(batch)))
        outputs = outputs if isinstance(outputs, (list, tuple)) else [outputs]
        return [np.asarray(one, np.float32) for one in outputs]

    def outputs(self, batch: Pixels) -> npt.NDArray[np.float32]:
        """Return the network's outputs (n, outputs) for uint8 images (n, height, width, channels)."""
        return self.results(batch)[0]


def _layer_names(keras_model: Any) -> Iterator[str]:
    for layer in getattr(keras_model, "layers", ()):
        yield layer.name
        yield from _layer_names(layer)


def make_float_model(loaded: LoadedModel, inferred: InferredPreprocessing) -> FloatModel:
    """Move the normalization of a model into the quantization of its input, as far as a single scale can express it.

    The rest (mean and std per channel, BGR order) becomes a 1x1 convolution at the input. If the network starts by
    rearranging channels, an identity convolution is added, which separates the int8 range of the input from theirs.
    Raises BadModel.
    """
    model = loaded.keras
    if inferred.cut is not None:
        model = _without_rescaling(loaded, inferred)
    preprocessing = inferred.preprocessing
    if fits_one_scale(preprocessing) and not inferred.moves:
        return FloatModel(model, preprocessing, None, None, loaded.own_shape)
    matrix, offset = input_convolution(preprocessing)
    return FloatModel(model, of_bytes(preprocessing), matrix, offset, loaded.own_shape)


def of_bytes(preprocessing: Preprocessing) -> Preprocessing:
    """Return the preprocessing of the same image as plain bytes, RGB or gray."""
    return replace(preprocessing, order="GRAY" if preprocessing.channels == 1 else "RGB", mean=(0.0,), std=(1.0,))


def fits_one_scale(preprocessing: Preprocessing) -> bool:
    """Return whether the quantization of an input of bytes can express a preprocessing."""
    # With a mean outside 0..255, the input range excludes zero and quantization would extend it to include zero.
    return preprocessing.scalar and preprocessing.order != "BGR" and 0.0 <= preprocessing.mean[0] <= 255.0


def input_convolution(preprocessing: Preprocessing) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Return matrix and offset that compute (pixel - mean) / std per network channel from RGB or gray bytes."""
    mean = np.broadcast_to(np.asarray(preprocessing.mean), preprocessing.channels)
    std = np.broadcast_to(np.asarray(preprocessing.std), preprocessing.channels)
    reads = range(preprocessing.channels - 1, -1, -1) if preprocessing.order == "BGR" else range(preprocessing.channels)
    matrix = np.zeros((preprocessing.channels, preprocessing.channels), np.float32)
    for channel, source in enumerate(reads):
        matrix[source, channel] = 1.0 / std[channel]
    return matrix, (-mean / std).astype(np.float32)


def _without_rescaling(loaded: LoadedModel, inferred: InferredPreprocessing) -> Any:
    """Set the Rescaling layer to scale 1 and offset 0, which the converter drops from the graph."""
    assert inferred.cut is not None
    layer = layer_graph.layer_at(loaded.keras, inferred.cut.path)
    pixels = np.arange(loaded.height * loaded.width * loaded.channels) % 256
    values = real_values(pixels.reshape(1, loaded.height, loaded.width, loaded.channels), inferred.preprocessing)
    scale, offset = np.float32(layer.scale), np.float32(layer.offset)
    before = np.asarray(loaded.run((values - offset) / scale))
    layer.scale, layer.offset = 1.0, 0.0
    after = np.asarray(loaded.run(values))
    if not np.allclose(before, after, rtol=1e-3, atol=1e-4):
        raise BadModel(
            f"{loaded.scan.path}: removing the Rescaling layer {layer.name!r} changes the model's scores; "
            "build the model without that layer and give --mean and --std"
        )
    return loaded.keras


def real_values(pixels: npt.NDArray[Any], preprocessing: Preprocessing) -> npt.NDArray[np.float32]:
    """Return normalized values of pixels (..., channels)."""
    mean, std = np.asarray(preprocessing.mean, np.float32), np.asarray(preprocessing.std, np.float32)
    return (pixels.astype(np.float32) - mean) / std
