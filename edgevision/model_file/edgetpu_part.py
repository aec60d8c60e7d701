"""Find the model compiled for the Edge TPU: stored inside an ordinary model file, or a file of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import BadModel
from ..tflite.schema import COMPILED_OPERATOR, Model, OperatorCode
from ..tflite.tables import io_specs, open_flatbuffer

if TYPE_CHECKING:
    from ..types import TensorSpec
    from .model_file import ModelFile

ENTRY = "edgetpu.tflite"
"""Archive entry of an ordinary model file that holds the compiled model."""
NOT_ON_CPU = "is compiled for the Edge TPU and cannot run on the CPU; use the ordinary .tflite it was compiled from"


def compiled_part(file: ModelFile) -> bytes | None:
    """Return the flatbuffer for the Edge TPU, None if the file has none. Raises BadModel if it cannot be used."""
    if is_compiled(file.flatbuffer):
        return file.flatbuffer
    part = file.files.get(ENTRY)
    if part is None:
        return None
    check_compiled_from(part, file, f"{file.path}: its {ENTRY}")
    return part


def check_compiled_from(part: bytes, file: ModelFile, what: str) -> None:
    """Raise BadModel if a flatbuffer, called ``what`` in the message, was not compiled from this model."""
    if not is_compiled(part):
        raise BadModel(f"{what} was not made by the Edge TPU compiler: it has no {COMPILED_OPERATOR}")
    if [_shape(specs) for specs in io_specs(open_flatbuffer(part))] != [_shape(file.inputs), _shape(file.outputs)]:
        raise BadModel(f"{what} was not compiled from {file.path}: inputs or outputs differ")


def is_compiled(flatbuffer: bytes) -> bool:
    """Return whether the Edge TPU compiler made a flatbuffer. Raises BadModel if it is damaged."""
    # Searching for the name is faster than reading the tables, and nearly always enough.
    if COMPILED_OPERATOR.encode() not in flatbuffer:
        return False
    codes = open_flatbuffer(flatbuffer).tables(Model.OPERATOR_CODES)
    return any(code.text(OperatorCode.CUSTOM) == COMPILED_OPERATOR for code in codes)


def _shape(specs: tuple[TensorSpec, ...]) -> list[tuple[object, ...]]:
    """Return what must be equal for one model to replace another."""
    return [(spec.shape, spec.dtype, spec.scale, spec.zero_point) for spec in specs]
