"""Removes the first and last operator of an int8 model that only turn uint8 into int8 and back: int8 at both ends.

Nothing is converted again, so the answers of the repaired model do not change.
"""

from __future__ import annotations

from edgevision.errors import BadModel

from .correction.editable_model import FlatModel


def signed_ends(flatbuffer: bytes) -> bytes:
    """Return a model with uint8 ends as one with int8 ends. Raises BadModel if an end is not a mere change of type."""
    model = FlatModel(flatbuffer)
    inputs = tuple(_behind(model, tensor) for tensor in model.inputs)
    outputs = tuple(_before(model, tensor) for tensor in model.outputs)
    return model.with_ends(inputs, outputs)


def _behind(model: FlatModel, tensor: int) -> int:
    """Return the int8 tensor that the only reader of an input makes of it."""
    readers = [op for op in model.operators if tensor in op.inputs]
    if len(readers) != 1 or readers[0].name != "QUANTIZE":
        raise _refusal("input", model, tensor)
    return _same(model, tensor, readers[0].outputs[0], "input")


def _before(model: FlatModel, tensor: int) -> int:
    """Return the int8 tensor that an output is made of."""
    maker = next((op for op in model.operators if tensor in op.outputs), None)
    if maker is None or maker.name != "QUANTIZE":
        raise _refusal("output", model, tensor)
    return _same(model, tensor, maker.inputs[0], "output")


def _same(model: FlatModel, end: int, inner: int, what: str) -> int:
    (scale, zero), (inner_scale, inner_zero) = model.scale(end), model.scale(inner)
    types = (model.dtype(end), model.dtype(inner))
    if types != ("uint8", "int8") or scale != inner_scale or zero - 128 != inner_zero:
        raise _refusal(what, model, end)
    return inner


def _refusal(what: str, model: FlatModel, tensor: int) -> BadModel:
    return BadModel(f"--mode int8-io: the {what} {model.name(tensor)!r} cannot become int8 as it is; use --mode int8")
