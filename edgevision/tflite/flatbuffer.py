"""A FlatBuffers reader for untrusted files: it checks every offset, every loop ends, and damage raises BadModel.

Based on the public description of the FlatBuffers wire format: little endian; a table starts with a signed offset back
to its vtable, which holds the position of each field; vectors and strings are a 32-bit count and the elements.
"""

from __future__ import annotations

import struct

from ..errors import BadModel

BUDGET = 400_000
"""Maximum number of tables, elements and text pieces read from one buffer. Real models need thousands; a damaged one may
refer to the same table a billion times."""
WIDTHS = {"b": 1, "B": 1, "H": 2, "i": 4, "I": 4, "f": 4, "q": 8, "Q": 8}
"""Size of each scalar (bytes), by its letter in ``struct``."""
_SCALARS = {letter: struct.Struct("<" + letter).unpack_from for letter in WIDTHS}


class ByteSource:
    """The bytes of one buffer, and how much of the budget is left."""

    __slots__ = ("data", "left", "size", "what")

    def __init__(self, data: memoryview, what: str) -> None:
        """``what``: what error messages call it: ``the model``, ``the metadata``."""
        self.data = data
        self.size = len(data)
        self.what = what
        self.left = BUDGET

    def unpack(self, letter: str, at: int) -> int | float:
        """Return the scalar at ``at``. Raises BadModel outside the buffer."""
        if at < 0 or at + WIDTHS[letter] > self.size:
            raise self.damaged(at)
        value: int | float = _SCALARS[letter](self.data, at)[0]
        return value

    def offset(self, at: int) -> int:
        """Return where the unsigned offset stored at ``at`` points. Raises BadModel outside the buffer."""
        return self.checked_target(at, int(self.unpack("I", at)))

    def checked_target(self, at: int, offset: int) -> int:
        """Return where an unsigned offset read at ``at`` points. Raises BadModel outside the buffer."""
        target = at + offset
        if target == at or target >= self.size:
            raise self.damaged(at)
        return target

    def spend(self, amount: int) -> None:
        """Subtract ``amount`` from the budget. Raises BadModel if nothing is left."""
        self.left -= amount
        if self.left < 0:
            raise BadModel(f"{self.what} is damaged: it refers to its parts far more often than a real file")

    def damaged(self, at: int) -> BadModel:
        """Return the error for an offset that points outside the buffer."""
        return BadModel(f"{self.what} is damaged or truncated: the offset at byte {at} of {self.size} points outside")


class Table:
    """One table. Fields are numbered from 0 in schema order; an absent field has its default value."""

    __slots__ = ("_at", "_offsets", "_source")

    def __init__(self, source: ByteSource, at: int) -> None:
        vtable = at - int(source.unpack("i", at))
        size = int(source.unpack("H", vtable))
        if size < 4 or size % 2 or vtable + size > source.size:
            raise source.damaged(vtable)
        count = (size - 4) // 2
        source.spend(1 + count // 64)  # real tables have up to 50 fields, a damaged one may claim 32,000
        self._source = source
        self._at = at
        self._offsets: tuple[int, ...] = struct.unpack_from(f"<{count}H", source.data, vtable + 4)
        """Positions of all fields relative to the table; 0: absent."""

    @property
    def fields(self) -> tuple[int, ...]:
        """Numbers of the fields that are present."""
        return tuple(n for n, offset in enumerate(self._offsets) if offset)

    def position(self, number: int) -> int | None:
        """Return the position of a field's value in the buffer (bytes), None if it is absent."""
        offset = self._offsets[number] if number < len(self._offsets) else 0
        return self._at + offset if offset else None

    def target(self, number: int) -> int | None:
        """Return where a field of type table, vector or string points (bytes), None if it is absent."""
        position = self.position(number)
        return None if position is None else self._source.offset(position)

    def integer(self, number: int, letter: str, default: int = 0) -> int:
        """Return an integer field; ``letter`` as in ``struct``."""
        position = self.position(number)
        return default if position is None else int(self._source.unpack(letter, position))

    def real(self, number: int, default: float = 0.0) -> float:
        """Return a 32-bit float field."""
        position = self.position(number)
        return default if position is None else float(self._source.unpack("f", position))

    def table(self, number: int) -> Table | None:
        """Return a nested table, None if it is absent."""
        target = self.target(number)
        return None if target is None else Table(self._source, target)

    def union(self, number: int) -> tuple[int, Table | None]:
        """Return a union as (type, table); its type is the field ``number``, its value the next field."""
        return self.integer(number, "B"), self.table(number + 1)

    def text(self, number: int) -> str:
        """Return a string field, empty if it is absent."""
        target = self.target(number)
        return "" if target is None else self._text(target)

    def raw(self, number: int) -> memoryview:
        """Return a vector of bytes without copying it, empty if it is absent."""
        return self._vector(number, 1)[1]

    def elsewhere(self, start: int, size: int) -> memoryview:
        """Return bytes that are given by their position in the file, without copying them. Raises BadModel outside of it."""
        if start + size > self._source.size:
            raise self._source.damaged(self._at)
        return self._source.data[start : start + size]

    def count(self, number: int, width: int = 4) -> int:
        """Return the number of elements of a vector; ``width`` of each in bytes."""
        return self._vector(number, width)[0]

    def integers(self, number: int, letter: str) -> tuple[int, ...]:
        """Return a vector of integers."""
        count, view = self._vector(number, WIDTHS[letter])
        self._source.spend(1 + count)
        return struct.unpack(f"<{count}{letter}", view)

    def reals(self, number: int) -> tuple[float, ...]:
        """Return a vector of 32-bit floats."""
        count, view = self._vector(number, 4)
        self._source.spend(1 + count)
        return struct.unpack(f"<{count}f", view)

    def texts(self, number: int) -> tuple[str, ...]:
        """Return a vector of strings."""
        return tuple(self._text(at) for at in self.targets(number))

    def tables(self, number: int) -> list[Table]:
        """Return a vector of tables."""
        return [Table(self._source, at) for at in self.targets(number)]

    def element(self, number: int, index: int) -> Table:
        """Return one table of a vector of tables. Raises BadModel if the index is out of range."""
        count, _ = self._vector(number, 4)
        if not 0 <= index < count:
            raise BadModel(f"{self._source.what} is damaged: it refers to part {index} of {count}")
        target = self.target(number)
        assert target is not None
        return Table(self._source, self._source.offset(target + 4 + 4 * index))

    def targets(self, number: int) -> list[int]:
        """Return the position of each element of a vector of tables or strings (bytes)."""
        source, start = self._source, (self.target(number) or 0) + 4
        offsets = self.integers(number, "I")
        return [source.checked_target(start + 4 * i, offset) for i, offset in enumerate(offsets)]

    def _vector(self, number: int, width: int) -> tuple[int, memoryview]:
        """Return (count, bytes of the elements)."""
        target = self.target(number)
        if target is None:
            return 0, self._source.data[:0]
        count = int(self._source.unpack("I", target))
        end = target + 4 + count * width
        if end > self._source.size:
            raise self._source.damaged(target)
        return count, self._source.data[target + 4 : end]

    def _text(self, at: int) -> str:
        length = int(self._source.unpack("I", at))
        end = at + 4 + length
        if end > self._source.size:
            raise self._source.damaged(at)
        self._source.spend(1 + length // 16)
        return bytes(self._source.data[at + 4 : end]).decode("utf-8", "replace")


def root(data: bytes | memoryview, identifier: bytes, what: str) -> Table:
    """Return the root table of a buffer. Raises BadModel if its file identifier (4 bytes) is not ``identifier``."""
    view = memoryview(data)
    if len(view) < 8 or view[4:8] != identifier:
        raise BadModel(f"{what} is damaged: identifier {identifier.decode()} is missing")
    source = ByteSource(view, what)
    return Table(source, source.offset(0))
