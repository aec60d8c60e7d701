"""Write the standard TFLite metadata. Field numbers are positions in the public schema, as in the parser."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from flatbuffers import Builder

from .metadata import (
    BOX_TYPES,
    COLOR_SPACES,
    CONTENTS,
    FILE_TYPES,
    IDENTIFIER,
    TRANSFORMATIONS,
    UNITS,
    AssociatedFile,
    Box,
    CustomMetadata,
    Group,
    Metadata,
    ProcessUnit,
    TensorMetadata,
)

CUSTOM_ALIGN = 16
"""Alignment of the data of custom metadata that its schema requires (bytes)."""
Scalar = tuple[str, float]
"""(type name in the builder's methods, value)"""
Fields = dict[int, "int | Scalar"]
"""Field number -> the builder's offset of its value, or a scalar. 0: absent."""


def build(metadata: Metadata) -> bytes:
    """Return the metadata as a flatbuffer with the identifier M001, which ``metadata.parse`` reads."""
    b = Builder(1024)
    graph = _table(b, 10, {
        2: _vector(b, metadata.inputs, _tensor),
        3: _vector(b, metadata.outputs, _tensor),
        8: _vector(b, metadata.output_groups, _group),
        9: _vector(b, metadata.custom, _custom),
    })  # fmt: skip
    model = _table(b, 8, {
        0: _text(b, metadata.name),
        1: _text(b, metadata.description),
        2: _text(b, metadata.version),
        3: _offsets(b, [graph]),
        4: _text(b, metadata.author),
        5: _text(b, metadata.license),
        6: _vector(b, metadata.files, _file),
        7: _text(b, metadata.min_parser_version),
    })  # fmt: skip
    b.Finish(model, IDENTIFIER)
    return bytes(b.Output())


def _tensor(b: Builder, tensor: TensorMetadata) -> int:
    return _table(b, 7, {
        0: _text(b, tensor.name),
        1: _text(b, tensor.description),
        3: _content(b, tensor),
        4: _vector(b, tensor.units, _unit),
        5: _table(b, 2, {0: _reals(b, tensor.max), 1: _reals(b, tensor.min)}) if tensor.max or tensor.min else 0,
        6: _vector(b, tensor.files, _file),
    })  # fmt: skip


def _content(b: Builder, tensor: TensorMetadata) -> int:
    if not tensor.content:
        return 0
    properties: Fields = {}
    if tensor.content == "image":
        properties = {0: ("Int8", COLOR_SPACES.index(tensor.color_space))}
    elif tensor.content == "box":
        properties = _box(b, tensor.box or Box())
    span: int = 0
    if tensor.range is not None:
        span = _table(b, 2, {0: ("Int32", tensor.range[0]), 1: ("Int32", tensor.range[1])})
    value = _table(b, 3, properties)
    return _table(b, 3, {0: ("Uint8", CONTENTS.index(tensor.content)), 1: value, 2: span})


def _box(b: Builder, box: Box) -> Fields:
    index = _numbers(b, box.index, "Uint32")
    return {0: index, 1: ("Int8", BOX_TYPES.index(box.type)), 2: ("Int8", int(box.pixels))}


def _unit(b: Builder, unit: ProcessUnit) -> int:
    if not unit.kind:
        return _table(b, 2, {})
    options: Fields
    if unit.kind == "normalization":
        options = {0: _reals(b, unit.mean), 1: _reals(b, unit.std)}
    elif unit.kind == "score_calibration":
        options = {0: ("Int8", TRANSFORMATIONS.index(unit.transformation)), 1: ("Float32", unit.default_score)}
    else:
        options = {0: ("Float32", unit.threshold)}
    return _table(b, 2, {0: ("Uint8", UNITS.index(unit.kind)), 1: _table(b, 2, options)})


def _file(b: Builder, file: AssociatedFile) -> int:
    return _table(b, 5, {
        0: _text(b, file.name),
        1: _text(b, file.description),
        2: ("Int8", FILE_TYPES.index(file.type)),
        3: _text(b, file.locale),
    })  # fmt: skip


def _group(b: Builder, group: Group) -> int:
    names = [b.CreateString(name) for name in group.tensors]
    return _table(b, 2, {0: _text(b, group.name), 1: _offsets(b, names)})


def _custom(b: Builder, custom: CustomMetadata) -> int:
    b.StartVector(1, len(custom.data), CUSTOM_ALIGN)
    b.head -= len(custom.data)
    b.Bytes[b.head : b.head + len(custom.data)] = custom.data
    data = int(b.EndVector())
    return _table(b, 2, {0: _text(b, custom.name), 1: data})


def _table(b: Builder, size: int, fields: Fields) -> int:
    """Write a table with ``size`` possible fields; scalars of 0 are the schema's default and are left out."""
    b.StartObject(size)
    for number, value in fields.items():
        if isinstance(value, tuple):
            getattr(b, f"Prepend{value[0]}Slot")(number, value[1], 0)
        elif value:
            b.PrependUOffsetTRelativeSlot(number, value, 0)
    return int(b.EndObject())


def _text(b: Builder, text: str) -> int:
    return int(b.CreateString(text)) if text else 0


def _reals(b: Builder, values: Sequence[float]) -> int:
    return _numbers(b, values, "Float32")


def _numbers(b: Builder, values: Sequence[float], kind: str) -> int:
    if not values:
        return 0
    b.StartVector(4, len(values), 4)
    for value in reversed(values):
        getattr(b, f"Prepend{kind}")(value)
    return int(b.EndVector())


def _vector(b: Builder, items: Sequence[Any], write: Callable[[Builder, Any], int]) -> int:
    return _offsets(b, [write(b, item) for item in items])


def _offsets(b: Builder, offsets: list[int]) -> int:
    if not offsets:
        return 0
    b.StartVector(4, len(offsets), 4)
    for offset in reversed(offsets):
        b.PrependUOffsetTRelative(offset)
    return int(b.EndVector())
