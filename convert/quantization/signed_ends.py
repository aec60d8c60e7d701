"""Removes the first and last operator of an int8 model that only turn uint8 into int8 and back: int8 at both ends.

Nothing is converted again, so the answers of the repaired model do not change.
"""

from __future__ import annotations

from edgevision.errors import BadModel
from edgevision.tflite.editable_model import FlatModel
from edgevision.tflite.end_types import int8_before, int8_behind, move_ends


def signed_ends(flatbuffer: bytes) -> bytes:
    """Return a model with uint8 ends as one with int8 ends. Raises BadModel if an end is not a mere change of type."""
    model = FlatModel(flatbuffer)
    inputs = [_known(model, tensor, int8_behind(model, tensor), "input") for tensor in model.inputs]
    outputs = [_known(model, tensor, int8_before(model, tensor), "output") for tensor in model.outputs]
    move_ends(model, inputs, outputs)
    model.drop_unused()
    return model.pack()


def _known(model: FlatModel, end: int, inner: int | None, what: str) -> int:
    if inner is None or model.dtype(end) != "uint8":
        raise BadModel(f"--mode int8-io: the {what} {model.name(end)!r} cannot become int8 as it is; use --mode int8")
    return inner
