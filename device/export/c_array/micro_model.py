"""The model as TensorFlow Lite Micro needs it: int8 or uint8 at its ends if asked for, and nothing that is not read there.

Metadata, signatures, names and ranges go; the operators and all numbers stay, equal ones once. Buffers are aligned as the
schema requires, because a microcontroller reads weights in place.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgevision.errors import BadModel
from edgevision.tflite.editable_model import FlatModel
from edgevision.tflite.end_types import add_uint8_ends, int8_before, int8_behind, move_ends
from edgevision.tflite.schema import TYPES

if TYPE_CHECKING:
    from collections.abc import Sequence


def micro_model(flatbuffer: bytes, io: str | None = None, shapes: Sequence[tuple[int, ...]] = ()) -> bytes:
    """Return a model without what a microcontroller does not read.

    ``io``: the type of its inputs and outputs, int8 or uint8; None leaves them. Outputs that are neither, such as the
    boxes of a detector, stay. ``shapes``: those of the outputs, for outputs without one. Raises BadModel, MissingDependency.
    """
    model = FlatModel(flatbuffer)
    for tensor, shape in zip(model.outputs, shapes, strict=False):
        if not model.shape(tensor):
            model.set_shape(tensor, shape)
        _int32_classes(model, tensor)
    if io is not None:
        inputs = [tensor if model.dtype(tensor) == "int8" else _int8_input(model, tensor) for tensor in model.inputs]
        found = [(tensor, int8_before(model, tensor)) for tensor in model.outputs]
        move_ends(model, inputs, [tensor if inner is None else inner for tensor, inner in found])
    if io == "uint8":
        add_uint8_ends(model)
    return model.pack_reduced()


def _int32_classes(model: FlatModel, tensor: int) -> None:
    """Let the ARG_MAX at the end of a segmenter make 32-bit classes; it makes no others on a microcontroller."""
    maker = model.maker(tensor)
    if maker is not None and maker.name == "ARG_MAX" and model.dtype(tensor) == "int64":
        model.set_dtype(tensor, "int32")
        maker.options.outputType = TYPES.index("int32")


def _int8_input(model: FlatModel, tensor: int) -> int:
    """Return the int8 tensor behind the QUANTIZE of an input. Raises BadModel if there is none."""
    inner = int8_behind(model, tensor)
    if inner is None:
        raise BadModel(
            f"--io needs a model that computes in int8, but this one computes with its {model.dtype(tensor)} input; convert "
            "the Keras model it was made from, or leave out --io"
        )
    return inner
