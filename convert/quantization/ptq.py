"""Conversion of a network to each mode with TensorFlow Lite; all shapes are static, and dense weights have one scale."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from edgevision.errors import BadModel

from ..source_model.flatbuffer_model import FlatbufferModel, SourceNetwork
from ..tflite_converter import (
    dynamic_flatbuffer,
    float16_flatbuffer,
    float_flatbuffer,
    int8_flatbuffer,
    int8_of_float,
    int16x8_flatbuffer,
    reason,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy.typing as npt

    from edgevision.types import Pixels


def to_int8(model: SourceNetwork, pictures: Callable[[], Iterable[Pixels]]) -> bytes:
    """Convert a model to an int8 .tflite. Raises BadModel if an operator cannot be quantized.

    ``pictures`` is called once and yields the calibration images, uint8 (height, width, channels). A black and a white
    image are added, so that the input range covers all bytes: real = scale * (byte - zero_point) with scale = 1 / std,
    and zero_point = mean to within half a step.
    """
    if isinstance(model, FlatbufferModel):
        return int8_of_float(model.flatbuffer, lambda: _samples(model, pictures()))
    return int8_flatbuffer(_graph(model), lambda: _samples(model, pictures()))


def to_int16x8(model: SourceNetwork, pictures: Callable[[], Iterable[Pixels]]) -> bytes:
    """Convert a model to int16 activations and int8 weights; otherwise like ``to_int8``. Raises BadModel."""
    return int16x8_flatbuffer(_graph(model), lambda: _samples(model, pictures()))


def to_dynamic(model: SourceNetwork) -> bytes:
    """Convert a model to int8 weights; each operator quantizes its inputs by their own range. Raises BadModel."""
    return dynamic_flatbuffer(_graph(model))


def to_float16(model: SourceNetwork) -> bytes:
    """Convert a model to float16 weights. Raises BadModel."""
    return float16_flatbuffer(_graph(model))


def to_float(model: SourceNetwork) -> bytes:
    """Convert a model to a float .tflite, without quantization. Raises BadModel."""
    if isinstance(model, FlatbufferModel):
        return model.flatbuffer
    return float_flatbuffer(_graph(model))


def _graph(model: SourceNetwork) -> Any:
    if isinstance(model, FlatbufferModel):
        raise BadModel(
            "a float .tflite can be converted in --mode int8, int8-io and float; for other modes, convert its Keras model"
        )
    # A concrete function with a static shape and without a trackable object gives batch 1 throughout and no SHAPE or
    # PACK operators, and is several times faster than from_keras_model. With the trackable object, calibration fails on
    # variables that are never read.
    try:
        return model.concrete()
    except BadModel:
        raise
    # Tracing runs the layers' own code once more, with names that a run without a graph ignores.
    except Exception as error:
        raise BadModel(f"this model cannot be traced as a graph: {_untraceable(error)}") from error


def _untraceable(error: Exception) -> str:
    if "is not a valid scope name" in str(error):
        return (
            "the name of a layer has characters that TensorFlow does not allow; use letters, digits, '_', '-' and '.', "
            "and save the model again"
        )
    return reason(error, "")


def _samples(model: SourceNetwork, pictures: Iterable[Pixels]) -> Iterator[list[npt.NDArray[np.float32]]]:
    for pixels in pictures:
        yield [model.normalize(pixels)[np.newaxis]]
    for level in (0, 255):
        yield [model.normalize(np.full(model.shape, level, np.uint8))[np.newaxis]]
