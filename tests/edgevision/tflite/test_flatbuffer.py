"""The flatbuffer reader reads what the public library writes, and raises BadModel for any damage."""

from __future__ import annotations

import struct

import flatbuffers
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgevision.errors import BadModel
from edgevision.tflite.flatbuffer import root

NAME = b"TEST"


def written() -> bytes:
    """Return a table: 0 int32, 1 text, 2 ints, 3 floats, 4 texts, 5 tables with an int64, 6 and 7 a union, 8 a float."""
    b = flatbuffers.Builder(64)
    text = b.CreateString("grün")
    texts = [b.CreateString(word) for word in ("a", "", "ccc")]
    inner = []
    for number in (-5, 2**40):
        b.StartObject(1)
        b.PrependInt64Slot(0, number, 0)
        inner.append(b.EndObject())
    vectors = {
        2: b.CreateNumpyVector(np.array([1, -2, 3], "int32")),
        3: b.CreateNumpyVector(np.array([0.5, -1.5], "float32")),
        4: _offsets(b, texts),
        5: _offsets(b, inner),
    }
    b.StartObject(10)
    b.PrependInt32Slot(0, -7, 0)
    b.PrependUOffsetTRelativeSlot(1, text, 0)
    for number, vector in vectors.items():
        b.PrependUOffsetTRelativeSlot(number, vector, 0)
    b.PrependUint8Slot(6, 3, 0)
    b.PrependUOffsetTRelativeSlot(7, inner[1], 0)
    b.PrependFloat32Slot(8, 0.25, 0)
    b.Finish(b.EndObject(), NAME)
    return bytes(b.Output())


def _offsets(b: flatbuffers.Builder, offsets: list[int]) -> int:
    b.StartVector(4, len(offsets), 4)
    for offset in reversed(offsets):
        b.PrependUOffsetTRelative(offset)
    return int(b.EndVector())


DATA = written()


def read_all(data: bytes) -> list[object]:
    """Read every kind of field, as a schema reader would."""
    table = root(data, NAME, "the test")
    kind, value = table.union(6)
    found: list[object] = [table.integer(0, "i"), table.text(1), table.integers(2, "i"), table.reals(3), table.texts(4)]
    found += [[t.integer(0, "q") for t in table.tables(5)], kind, value and value.integer(0, "q"), table.real(8)]
    return [*found, table.integer(9, "i", 11), table.text(10), table.count(5), table.element(5, 1).integer(0, "q")]


def test_table_reads_every_kind_of_field() -> None:
    assert read_all(DATA) == [
        *(-7, "grün", (1, -2, 3), (0.5, -1.5), ("a", "", "ccc"), [-5, 2**40], 3, 2**40, 0.25),
        *(11, "", 2, 2**40),
    ]


def test_fields_lists_present_fields() -> None:
    assert root(DATA, NAME, "the test").fields == tuple(range(9))


def test_truncated_buffer_is_refused() -> None:
    # The last three bytes only end a string and pad it to four bytes, so the buffer can do without them.
    for length in range(len(DATA) - 3):
        with pytest.raises(BadModel):
            read_all(DATA[:length])


def test_wrong_identifier_is_refused() -> None:
    with pytest.raises(BadModel, match="identifier OTHR is missing"):
        root(DATA, b"OTHR", "the test")


def test_element_out_of_range_is_refused() -> None:
    with pytest.raises(BadModel, match="part 2 of 2"):
        root(DATA, NAME, "the test").element(5, 2)


def test_table_referenced_a_billion_times_is_refused() -> None:
    b = flatbuffers.Builder(64)
    b.StartObject(1)
    at = b.EndObject()
    for _ in range(3):
        vector = _offsets(b, [at] * 1000)
        b.StartObject(1)
        b.PrependUOffsetTRelativeSlot(0, vector, 0)
        at = b.EndObject()
    b.Finish(at, NAME)
    top = root(bytes(b.Output()), NAME, "the test")
    with pytest.raises(BadModel, match="more often than a real file"):
        for middle in top.tables(0):
            for low in middle.tables(0):
                low.tables(0)


@given(st.integers(0, len(DATA) - 1), st.integers(1, 255))
def test_changed_byte_is_read_or_refused(at: int, change: int) -> None:
    data = bytearray(DATA)
    data[at] ^= change
    try:
        read_all(bytes(data))
    except BadModel as error:
        assert str(error).startswith("the test is damaged")


@given(st.binary(max_size=200), st.integers(0, 60))
def test_random_bytes_are_read_or_refused(noise: bytes, start: int) -> None:
    try:
        read_all(struct.pack("<I", start) + NAME + noise)
    except BadModel as error:
        assert str(error).startswith("the test is damaged")
