"""Where the model that the Edge TPU compiler made is: inside the ordinary file, or a file of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import BadModel
from ..flatmodel import ends, open_flatbuffer
from ..tflite_schema import COMPILED_OPERATOR, Model, OperatorCode

if TYPE_CHECKING:
    from ..modelfile import ModelFile
    from ..tensors import TensorSpec

ENTRY = "edgetpu.tflite"
"""The associated file of an ordinary model that holds the compiled one."""
NOT_ON_CPU = "is compiled for the Edge TPU and cannot run on the CPU; use the ordinary .tflite it was compiled from"


def compiled_part(file: ModelFile) -> bytes | None:
    """The flatbuffer for the Edge TPU, None if the file holds none. Raises BadModel where it cannot be used."""
    if is_compiled(file.flatbuffer):
        return file.flatbuffer
    part = file.files.get(ENTRY)
    if part is None:
        return None
    refuse_stranger(part, file, f"{file.path}: its {ENTRY}")
    return part


def refuse_stranger(part: bytes, file: ModelFile, what: str) -> None:
    """Raises BadModel where a flatbuffer, called ``what``, cannot be what the compiler made of a model."""
    if not is_compiled(part):
        raise BadModel(f"{what} was not made by the Edge TPU compiler: it has no {COMPILED_OPERATOR}")
    if [_shape(specs) for specs in ends(open_flatbuffer(part))] != [_shape(file.inputs), _shape(file.outputs)]:
        raise BadModel(f"{what} was compiled from another model than {file.path}: inputs or outputs differ")


def is_compiled(flatbuffer: bytes) -> bool:
    """Whether the Edge TPU compiler made it. Raises BadModel where it is damaged."""
    # Looking for the name is quicker than following the tables, and nearly always enough.
    if COMPILED_OPERATOR.encode() not in flatbuffer:
        return False
    codes = open_flatbuffer(flatbuffer).tables(Model.OPERATOR_CODES)
    return any(code.text(OperatorCode.CUSTOM) == COMPILED_OPERATOR for code in codes)


def _shape(specs: tuple[TensorSpec, ...]) -> list[tuple[object, ...]]:
    """What must agree for one model to stand in for another."""
    return [(spec.shape, spec.dtype, spec.scale, spec.zero_point) for spec in specs]
