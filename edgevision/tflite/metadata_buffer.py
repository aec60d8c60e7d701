"""Add metadata to a model without changing its bytes, by writing a new head before the old flatbuffer.

Offsets in a flatbuffer are relative and point forward, so the old bytes stay valid when moved as a whole. The head holds
a new root table and new lists of buffers and metadata entries, which point to the old parts and to the one new buffer.
This keeps alignment, fields of newer schemas and the compiled part of an Edge TPU model as they are, which parsing and
rewriting the whole model would not guarantee; and the old model can be restored byte for byte.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

from ..errors import BadModel
from .flatbuffer import Table
from .schema import IDENTIFIER, METADATA_NAME, MODEL_FIELDS, Buffer, MetadataEntry, Model, Operator, SubGraph
from .tables import metadata_index, open_flatbuffer

ALIGN = 64
"""The head's size is a multiple of this (bytes), so that the old parts keep their alignment."""
DATA_ALIGN = 16
"""Alignment of a buffer's data that the schema requires (bytes)."""
MAX_BYTES = 2**31 - 1
"""Size of the largest possible flatbuffer (bytes)."""


def with_metadata(flatbuffer: bytes, metadata: bytes) -> bytes:
    """Return the model with its metadata replaced. Raises BadModel."""
    flatbuffer = without_metadata(flatbuffer)
    model = open_flatbuffer(flatbuffer)
    _refuse_what_cannot_move(model)
    if len(flatbuffer) + len(metadata) + 2**20 > MAX_BYTES:
        raise BadModel("the model is too large for metadata: a flatbuffer holds at most 2 GB")
    return _head(model, metadata) + flatbuffer


def without_metadata(flatbuffer: bytes) -> bytes:
    """Return the model as it was before ``with_metadata``; any other model is returned unchanged."""
    model = open_flatbuffer(flatbuffer)
    index = metadata_index(model)
    buffer = None if index is None else model.element(Model.BUFFERS, index)
    at = None if buffer is None else buffer.target(Buffer.DATA)
    if buffer is None or at is None:
        return flatbuffer
    # The metadata is the last part of a head. Building the head again proves that these bytes are one of ours.
    data = bytes(buffer.raw(Buffer.DATA))
    start = _round_up(at + 4 + len(data), ALIGN)
    inner = flatbuffer[start:]
    try:
        return inner if _head(open_flatbuffer(inner), data) == flatbuffer[:start] else flatbuffer
    except BadModel:
        return flatbuffer


def _refuse_what_cannot_move(model: Table) -> None:
    if any(number not in MODEL_FIELDS for number in model.fields):
        raise BadModel("the model's file format is too new for this version to add metadata; update edgevision")
    if not can_move(model):
        raise BadModel("the model stores weights behind its flatbuffer, so metadata cannot be added")


def can_move(model: Table) -> bool:
    """Return whether a model's bytes stay valid when moved: no part of it is given as a position in the file.

    The format for over 2 GB has such parts, and so have exports of LiteRT since 2026, whatever their size.
    """
    operators = [o for graph in model.tables(Model.SUBGRAPHS) for o in graph.tables(SubGraph.OPERATORS)]
    offsets = [b.integer(Buffer.OFFSET, "Q") for b in model.tables(Model.BUFFERS)]
    offsets += [o.integer(Operator.LARGE_CUSTOM_OPTIONS_OFFSET, "Q") for o in operators]
    return all(offset <= 1 for offset in offsets)


class _Head:
    """Bytes written front to back; offsets to the old part are filled in once the head's size is known."""

    def __init__(self) -> None:
        self.data = bytearray(struct.pack("<I4s", 0, IDENTIFIER))
        self._to_old: list[tuple[int, int]] = []

    def pad(self, align: int, before: int = 0) -> None:
        """Append zeros until the position ``before`` bytes further on is aligned."""
        self.data += bytes(-(len(self.data) + before) % align)

    def put(self, packed: bytes) -> int:
        at = len(self.data)
        self.data += packed
        return at

    def table(self, present: Sequence[bool]) -> tuple[int, list[int]]:
        """Append a table of 4-byte fields; return (its position, the position of each field)."""
        places = [4 + 4 * sum(present[:n]) for n in range(len(present))]
        entries = [place if there else 0 for place, there in zip(places, present, strict=True)]
        size = 4 + 4 * sum(present)
        vtable = self.put(struct.pack(f"<{len(entries) + 2}H", 4 + 2 * len(entries), size, *entries))
        self.pad(4)
        at = self.put(bytes(size))
        struct.pack_into("<i", self.data, at, at - vtable)
        return at, [at + place for place in places]

    def vector(self, count: int) -> tuple[int, list[int]]:
        """Append a vector of offsets; return (its position, the position of each element)."""
        at = self.put(struct.pack("<I", count) + bytes(4 * count))
        return at, [at + 4 + 4 * n for n in range(count)]

    def store(self, at: int, value: int) -> None:
        struct.pack_into("<I", self.data, at, value)

    def refer(self, at: int, target: int) -> None:
        self.store(at, target - at)

    def refer_old(self, at: int, target: int) -> None:
        """Record an offset to a position in the old part."""
        self._to_old.append((at, target))

    def finish(self) -> bytes:
        self.pad(ALIGN)
        for at, target in self._to_old:
            self.refer(at, len(self.data) + target)
        return bytes(self.data)


def _head(model: Table, metadata: bytes) -> bytes:
    """Return the bytes to put before the flatbuffer whose root table is ``model``."""
    head = _Head()
    places = _root(head, model)
    old_buffers = model.targets(Model.BUFFERS)
    found = metadata_index(model)
    index = len(old_buffers) if found is None or found >= len(old_buffers) else found
    buffers_at, buffers = head.vector(max(len(old_buffers), index + 1))
    for n, target in enumerate(old_buffers):
        if n != index:
            head.refer_old(buffers[n], target)
    entries_at, entry = _entries(head, model, index)
    head.refer(places[Model.BUFFERS], buffers_at)
    head.refer(places[Model.METADATA], entries_at)
    _named_buffer(head, entry, buffers[index], metadata)
    return head.finish()


def _root(head: _Head, model: Table) -> list[int]:
    """Append the new root table, a copy of the old one except for the two lists; return its field positions."""
    present = [n in (*model.fields, Model.BUFFERS, Model.METADATA) for n in MODEL_FIELDS]
    at, places = head.table(present)
    head.refer(0, at)
    for number in model.fields:
        if number == Model.VERSION:
            head.store(places[number], model.integer(Model.VERSION, "I"))
        elif number not in (Model.BUFFERS, Model.METADATA) and number in MODEL_FIELDS:
            target = model.target(number)
            assert target is not None
            head.refer_old(places[number], target)
    return places


def _entries(head: _Head, model: Table, index: int) -> tuple[int, list[int]]:
    """Append the metadata entries, ours last; return (position of the list, positions of our entry's two fields)."""
    kept = [
        at
        for at, entry in zip(model.targets(Model.METADATA), model.tables(Model.METADATA), strict=True)
        if entry.text(MetadataEntry.NAME) != METADATA_NAME
    ]
    at, elements = head.vector(len(kept) + 1)
    for element, target in zip(elements, kept, strict=False):
        head.refer_old(element, target)
    entry_at, fields = head.table([True, True])
    head.refer(elements[-1], entry_at)
    head.store(fields[MetadataEntry.BUFFER], index)
    return at, fields


def _named_buffer(head: _Head, entry: list[int], buffer_element: int, metadata: bytes) -> None:
    """Append the name of our entry, then the buffer with the metadata as the last part of the head."""
    name = METADATA_NAME.encode()
    head.refer(entry[MetadataEntry.NAME], head.put(struct.pack("<I", len(name)) + name + b"\0"))
    head.pad(4)
    table_at, fields = head.table([True])
    head.refer(buffer_element, table_at)
    head.pad(DATA_ALIGN, before=4)
    head.refer(fields[Buffer.DATA], head.put(struct.pack("<I", len(metadata)) + metadata))


def _round_up(value: int, step: int) -> int:
    return -(-value // step) * step
