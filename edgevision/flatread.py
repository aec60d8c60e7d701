"""A reader of FlatBuffers that trusts nothing: every offset is checked, every loop ends, all damage is a BadModel.

Written after the public description of the FlatBuffers wire format: little endian; a table starts with a signed offset
back to its vtable, which holds the position of each field; vectors and strings are a 32-bit count and the elements.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from .errors import BadModel

BUDGET = 400_000
"""Tables, elements and pieces of text that may be read from one buffer. Real models need thousands; a damaged one may
name the same table a billion times."""
WIDTHS = {"b": 1, "B": 1, "H": 2, "i": 4, "I": 4, "f": 4, "q": 8, "Q": 8}
"""Bytes of the scalars, by struct's letter."""


@dataclass(slots=True)
class Source:
    """The bytes under all tables of one buffer, and what may still be read of them."""

    data: memoryview
    what: str
    """Named in errors: ``the model``, ``the metadata``."""
    left: int = BUDGET

    def unpack(self, letter: str, at: int) -> int | float:
        """One scalar. Raises BadModel outside the buffer."""
        if at < 0 or at + WIDTHS[letter] > len(self.data):
            raise self.damaged(at)
        value: int | float = struct.unpack_from("<" + letter, self.data, at)[0]
        return value

    def offset(self, at: int) -> int:
        """Where the unsigned offset stored at ``at`` points. Raises BadModel outside the buffer."""
        target = at + int(self.unpack("I", at))
        if target == at or target >= len(self.data):
            raise self.damaged(at)
        return target

    def spend(self, amount: int) -> None:
        """Counts what is read. Raises BadModel when it is more than any real file holds."""
        self.left -= amount
        if self.left < 0:
            raise BadModel(f"{self.what} is damaged: it refers to its parts more often than any real file does")

    def damaged(self, at: int) -> BadModel:
        """The error for an offset that leads nowhere."""
        return BadModel(
            f"{self.what} is damaged or truncated: an offset at byte {at} of {len(self.data)} leads outside"
        )


class Table:
    """One table. Fields are numbered from 0 in the order of the schema; one that is absent has its default."""

    __slots__ = ("_at", "_fields", "_source", "_vtable")

    def __init__(self, source: Source, at: int) -> None:
        source.spend(1)
        self._source = source
        self._at = at
        self._vtable = at - int(source.unpack("i", at))
        size = int(source.unpack("H", self._vtable))
        if size < 4 or size % 2 or self._vtable + size > len(source.data):
            raise source.damaged(self._vtable)
        self._fields = (size - 4) // 2

    @property
    def fields(self) -> tuple[int, ...]:
        """The numbers of the fields that are there."""
        return tuple(n for n in range(self._fields) if self._field(n))

    def position(self, number: int) -> int | None:
        """Where a field's value lies in the buffer (bytes), None if it is absent."""
        offset = self._field(number)
        return self._at + offset if offset else None

    def target(self, number: int) -> int | None:
        """Where a field of type table, vector or string points (bytes), None if it is absent."""
        position = self.position(number)
        return None if position is None else self._source.offset(position)

    def integer(self, number: int, letter: str, default: int = 0) -> int:
        """A whole number; ``letter`` as in struct."""
        position = self.position(number)
        return default if position is None else int(self._source.unpack(letter, position))

    def real(self, number: int, default: float = 0.0) -> float:
        """A 32-bit float."""
        position = self.position(number)
        return default if position is None else float(self._source.unpack("f", position))

    def table(self, number: int) -> Table | None:
        """A table within this one."""
        target = self.target(number)
        return None if target is None else Table(self._source, target)

    def union(self, number: int) -> tuple[int, Table | None]:
        """A union whose type is the field ``number`` and whose value the next: (type, table)."""
        return self.integer(number, "B"), self.table(number + 1)

    def text(self, number: int) -> str:
        """A string; the empty one if it is absent."""
        target = self.target(number)
        return "" if target is None else self._text(target)

    def raw(self, number: int) -> memoryview:
        """A vector of bytes, not copied; empty if it is absent."""
        return self._vector(number, 1)[1]

    def count(self, number: int, width: int = 4) -> int:
        """How many elements a vector has; ``width`` in bytes of each."""
        return self._vector(number, width)[0]

    def integers(self, number: int, letter: str) -> tuple[int, ...]:
        """A vector of whole numbers."""
        count, view = self._vector(number, WIDTHS[letter])
        self._source.spend(1 + count)
        return struct.unpack(f"<{count}{letter}", view)

    def reals(self, number: int) -> tuple[float, ...]:
        """A vector of 32-bit floats."""
        count, view = self._vector(number, 4)
        self._source.spend(1 + count)
        return struct.unpack(f"<{count}f", view)

    def texts(self, number: int) -> tuple[str, ...]:
        """A vector of strings."""
        return tuple(self._text(at) for at in self.targets(number))

    def tables(self, number: int) -> list[Table]:
        """A vector of tables."""
        return [Table(self._source, at) for at in self.targets(number)]

    def element(self, number: int, index: int) -> Table:
        """One table of a vector of tables. Raises BadModel where there is no such one."""
        count, _ = self._vector(number, 4)
        if not 0 <= index < count:
            raise BadModel(f"{self._source.what} is damaged: it refers to number {index} of {count} parts")
        target = self.target(number)
        assert target is not None
        return Table(self._source, self._source.offset(target + 4 + 4 * index))

    def targets(self, number: int) -> list[int]:
        """Where each element of a vector of tables or strings lies in the buffer (bytes)."""
        count, _ = self._vector(number, 4)
        self._source.spend(1 + count)
        start = (self.target(number) or 0) + 4
        return [self._source.offset(start + 4 * i) for i in range(count)]

    def _field(self, number: int) -> int:
        if number >= self._fields:
            return 0
        return int(self._source.unpack("H", self._vtable + 4 + 2 * number))

    def _vector(self, number: int, width: int) -> tuple[int, memoryview]:
        """(count, bytes of the elements)"""
        target = self.target(number)
        if target is None:
            return 0, self._source.data[:0]
        count = int(self._source.unpack("I", target))
        end = target + 4 + count * width
        if end > len(self._source.data):
            raise self._source.damaged(target)
        return count, self._source.data[target + 4 : end]

    def _text(self, at: int) -> str:
        length = int(self._source.unpack("I", at))
        end = at + 4 + length
        if end > len(self._source.data):
            raise self._source.damaged(at)
        self._source.spend(1 + length // 16)
        return bytes(self._source.data[at + 4 : end]).decode("utf-8", "replace")


def root(data: bytes | memoryview, identifier: bytes, what: str) -> Table:
    """The root table of a buffer whose file identifier (4 bytes) must be the given one. Raises BadModel."""
    view = memoryview(data)
    if len(view) < 8 or view[4:8] != identifier:
        raise BadModel(f"{what} is damaged: it lacks the identifier {identifier.decode()}")
    source = Source(view, what)
    return Table(source, source.offset(0))
