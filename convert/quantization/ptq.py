"""Post-training quantization with TensorFlow Lite: full int8, uint8 input and output, static shapes, per-tensor dense weights."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from edgevision.errors import BadModel
from edgevision.log import Log

from .. import backend
from ..source_model.float_model import FloatModel

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy.typing as npt

    from edgevision.types import Pixels

log = Log("edgevision.convert")


def to_int8(model: FloatModel, pictures: Callable[[], Iterable[Pixels]]) -> bytes:
    """Convert a model to an int8 .tflite. Raises BadModel if an operator cannot be quantized.

    ``pictures`` is called once and yields the calibration images, uint8 (height, width, channels). A black and a white
    image are added, so that the input range covers all bytes: real = scale * (byte - zero_point) with scale = 1 / std,
    and zero_point = mean to within half a step. The weights of each dense layer have one scale, which all runtimes
    support (TFLite Micro and NNAPI reject one scale per channel).
    """
    tf = backend.tensorflow()
    converter = _converter(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: _samples(model, pictures())
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = tf.uint8
    converter.inference_output_type = tf.uint8
    converter._experimental_disable_per_channel_quantization_for_dense_layers = True
    return _convert(converter, "cannot be quantized to int8")


def to_float(model: FloatModel) -> bytes:
    """Convert a model to a float .tflite, without quantization. Raises BadModel."""
    return _convert(_converter(model), "cannot be converted to TFLite")


def _converter(model: FloatModel) -> Any:
    # A concrete function with a static shape and without a trackable object gives batch 1 throughout and no SHAPE or
    # PACK operators, and is several times faster than from_keras_model. With the trackable object, calibration fails on
    # variables that are never read.
    try:
        graph = model.concrete()
    except BadModel:
        raise
    # Tracing runs the layers' own code once more, with names that a run without a graph ignores.
    except Exception as error:
        raise BadModel(f"this model cannot be traced as a graph: {_untraceable(error)}") from error
    return backend.tensorflow().lite.TFLiteConverter.from_concrete_functions([graph])


def _untraceable(error: Exception) -> str:
    if "is not a valid scope name" in str(error):
        return (
            "the name of a layer has characters that TensorFlow does not allow; use letters, digits, '_', '-' and '.', "
            "and save the model again"
        )
    return _reason(error, "")


def _convert(converter: Any, failed: str) -> bytes:
    failure: Exception | None = None
    with backend.quiet() as native:
        try:
            result = bytes(converter.convert())
        # The converter raises ConverterError, RuntimeError, ValueError and others, and names the operator only in its
        # native log, which is readable once ``quiet`` ends.
        except Exception as error:
            failure = error
    if failure is not None:
        raise BadModel(f"this model {failed}: {_reason(failure, native.reason())}") from failure
    log.debug("the converter wrote %.2f MB", len(result) / 1e6)
    gc.collect()
    return result


def _samples(model: FloatModel, pictures: Iterable[Pixels]) -> Iterator[list[npt.NDArray[np.float32]]]:
    for pixels in pictures:
        yield [model.normalize(pixels)[np.newaxis]]
    for level in (0, 255):
        yield [model.normalize(np.full(model.shape, level, np.uint8))[np.newaxis]]


def _reason(error: Exception, native: str) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    told = next((line for line in lines if "error:" in line or "is neither a custom op" in line), None)
    return (told or native or (lines[0] if lines else type(error).__name__))[:300]
