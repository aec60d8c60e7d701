"""The types at the ends of a graph: int8 without the operators that only change the type there, uint8 or float with them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .object_api import schema

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .editable_model import FlatModel
    from .flat_graph import Operator

OFFSET = 128
"""What a value as uint8 is above the same value as int8."""
QUANTIZE_VERSION = 2
"""Version of QUANTIZE from which it turns 8-bit integers into others."""
INT8_DEQUANTIZE = 2
"""Version of DEQUANTIZE from which it reads int8."""


def int8_behind(model: FlatModel, tensor: int) -> int | None:
    """Return the int8 tensor that the only reader of an input makes of it, if it is a QUANTIZE that changes no value."""
    readers = model.readers(tensor)
    if len(readers) != 1 or readers[0].name != "QUANTIZE":
        return None
    return _if_same(model, tensor, readers[0].outputs[0])


def int8_before(model: FlatModel, tensor: int) -> int | None:
    """Return the int8 tensor that an output is made of, if a QUANTIZE or DEQUANTIZE makes it and changes no value."""
    maker = model.maker(tensor)
    if maker is None or maker.name not in ("QUANTIZE", "DEQUANTIZE"):
        return None
    return _if_same(model, tensor, maker.inputs[0])


def move_ends(model: FlatModel, inputs: Sequence[int], outputs: Sequence[int]) -> None:
    """Let a graph begin and end with other tensors, and remove the operators that are passed over.

    The new ends are those that ``int8_behind`` and ``int8_before`` found, or the old ones. What others read stays.
    """
    behind = [op for old, new in zip(model.inputs, inputs, strict=True) if old != new for op in model.readers(old)]
    makers = [model.maker(old) for old, new in zip(model.outputs, outputs, strict=True) if old != new]
    model.set_ends(inputs, outputs)
    model.remove(behind)
    model.remove([op for op in makers if op is not None and not _is_read(model, op)])


def add_uint8_ends(model: FlatModel) -> None:
    """Put a QUANTIZE before each int8 input and after each int8 output."""
    inputs, outputs = list(model.inputs), list(model.outputs)
    for place, inner in enumerate(model.inputs):
        if model.dtype(inner) == "int8":
            inputs[place] = _uint8_twin(model, inner)
            _add_quantize(model, inputs[place], inner, first=True)
    for place, inner in enumerate(model.outputs):
        if model.dtype(inner) == "int8":
            outputs[place] = _uint8_twin(model, inner)
            _add_quantize(model, inner, outputs[place])
    model.set_ends(inputs, outputs)


def as_float(model: FlatModel, tensor: int) -> int:
    """Return a float tensor with the values of a computed one, behind a new DEQUANTIZE if that is quantized.

    A QUANTIZE that only changes the integer type of an output is passed over.
    """
    if not len(model.scales(tensor)):
        return tensor
    maker = model.maker(tensor)
    if maker is not None and maker.name == "QUANTIZE" and len(model.scales(maker.inputs[0])):
        tensor = maker.inputs[0]
        model.remove([maker])
    result = model.add_tensor(f"{model.name(tensor)}_float", "float32", model.shape(tensor))
    model.add_operator("DEQUANTIZE", [tensor], [result], version=INT8_DEQUANTIZE)
    return result


def _is_read(model: FlatModel, operator: Operator) -> bool:
    return any(tensor in model.outputs or model.readers(tensor) for tensor in operator.outputs)


def _if_same(model: FlatModel, end: int, inner: int) -> int | None:
    """Return the inner tensor if its 8-bit integers stand for exactly the values at the end: none is rounded twice."""
    if model.dtype(inner) != "int8" or len(model.scales(inner)) != 1:
        return None
    if model.dtype(end) == "float32":
        return inner
    if model.dtype(end) != "uint8" or len(model.scales(end)) != 1:
        return None
    (scale, zero), (inner_scale, inner_zero) = model.scale(end), model.scale(inner)
    return inner if scale == inner_scale and zero - OFFSET == inner_zero else None


def _add_quantize(model: FlatModel, given: int, made: int, first: bool = False) -> None:
    model.add_operator("QUANTIZE", [given], [made], schema().QuantizeOptionsT(), QUANTIZE_VERSION, first)


def _uint8_twin(model: FlatModel, inner: int) -> int:
    """Add a tensor with the values of an int8 one as uint8, and return its number."""
    scale, zero = model.scale(inner)
    tensor = model.add_tensor(f"{model.name(inner)}_uint8", "uint8", model.shape(inner))
    model.set_scales(tensor, np.asarray([scale]), zero + OFFSET)
    return tensor
