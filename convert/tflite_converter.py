"""TensorFlow Lite's converter: from a TensorFlow function with a static shape, or a float flatbuffer, to another arithmetic."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING, Any

from edgevision.errors import BadModel
from edgevision.log import Log

from . import backend

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import numpy as np
    import numpy.typing as npt

    Sample = list[npt.NDArray[np.float32]]

log = Log("edgevision.convert")


def int8_flatbuffer(graph: Any, samples: Callable[[], Iterable[Sample]]) -> bytes:
    """Convert a function to int8 with uint8 input and output. Raises BadModel if an operator cannot be quantized.

    ``samples`` yields the normalized inputs that set the ranges. The weights of each dense layer have one scale, which all
    runtimes support (TFLite Micro and NNAPI reject one scale per channel).
    """
    tf = backend.tensorflow()
    converter = _calibrated(graph, samples)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = tf.uint8
    converter.inference_output_type = tf.uint8
    return _quietly(converter.convert, "cannot be quantized to int8")


def int8_of_float(flatbuffer: bytes, samples: Callable[[], Iterable[Sample]]) -> bytes:
    """Convert a float flatbuffer as ``int8_flatbuffer`` converts a function, with the same calibrator and quantizer.

    Its native code trusts the flatbuffer and may end the process for a corrupt one. Raises BadModel.
    """
    tf = backend.tensorflow()
    from tensorflow.lite.python import convert, util
    from tensorflow.lite.python.optimize import calibrator

    def quantize() -> bytes:
        calibrated = calibrator.Calibrator(flatbuffer).calibrate(samples)
        result = convert.mlir_quantize(calibrated, disable_per_channel_for_dense_layers=True)
        return bytes(util.modify_model_io_type(result, tf.uint8, tf.uint8))

    return _quietly(quantize, "cannot be quantized to int8")


def int16x8_flatbuffer(graph: Any, samples: Callable[[], Iterable[Sample]]) -> bytes:
    """Convert a function to int16 activations and int8 weights with float32 input and output. Raises BadModel.

    ``samples``: as for ``int8_flatbuffer``.
    """
    ops = backend.tensorflow().lite.OpsSet
    converter = _calibrated(graph, samples)
    converter.target_spec.supported_ops = [ops.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8]
    return _quietly(converter.convert, "cannot be quantized to int16 with int8 weights")


def dynamic_flatbuffer(graph: Any) -> bytes:
    """Convert a function to int8 weights; activations are float32 between the operators. Raises BadModel."""
    return _quietly(_optimized(graph).convert, "cannot be quantized to int8 weights")


def float16_flatbuffer(graph: Any) -> bytes:
    """Convert a function to float16 weights, with which the runtime computes in float32. Raises BadModel."""
    converter = _optimized(graph)
    converter.target_spec.supported_types = [backend.tensorflow().float16]
    return _quietly(converter.convert, "cannot be converted to float16 weights")


def float_flatbuffer(graph: Any) -> bytes:
    """Convert a function without quantization. Raises BadModel."""
    return _quietly(_plain(graph).convert, "cannot be converted to TFLite")


def _plain(graph: Any) -> Any:
    return backend.tensorflow().lite.TFLiteConverter.from_concrete_functions([graph])


def _optimized(graph: Any) -> Any:
    converter = _plain(graph)
    converter.optimizations = [backend.tensorflow().lite.Optimize.DEFAULT]
    return converter


def _calibrated(graph: Any, samples: Callable[[], Iterable[Sample]]) -> Any:
    converter = _optimized(graph)
    converter.representative_dataset = samples
    converter._experimental_disable_per_channel_quantization_for_dense_layers = True
    return converter


def _quietly(convert: Callable[[], Any], failed: str) -> bytes:
    failure: Exception | None = None
    with backend.quiet() as native:
        try:
            result = bytes(convert())
        # The converter raises ConverterError, RuntimeError, ValueError and others, and names the operator only in its
        # native log, which is readable once ``quiet`` ends.
        except Exception as error:
            failure = error
    if failure is not None:
        raise BadModel(f"this model {failed}: {reason(failure, native.reason())}") from failure
    log.debug("the converter wrote %.2f MB", len(result) / 1e6)
    gc.collect()
    return result


def reason(error: Exception, native: str) -> str:
    """Return what is wrong, from an error of TensorFlow and its native log."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    told = next((line for line in lines if "error:" in line or "is neither a custom op" in line), None)
    return (told or native or (lines[0] if lines else type(error).__name__))[:300]
