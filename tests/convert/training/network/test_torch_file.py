"""Reader of PyTorch's old weights format: tensors come back, and nothing that a file names is looked up or run."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
import pytest
from edgevision.convert.training.network import torch_file
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from edgevision.errors import BadModel

MAGIC = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19."
VERSION = b"\x80\x02M\xe9\x03."
MACHINE = b"\x80\x02}(X\x0d\x00\x00\x00little_endian\x88u."


def _text(value: str) -> bytes:
    return b"X" + struct.pack("<I", len(value.encode())) + value.encode()


def _numbers(values: Any) -> bytes:
    return b"(" + b"".join(b"J" + struct.pack("<i", n) for n in values) + b"t"


def _tensor(key: str, array: np.ndarray, offset: int = 0) -> bytes:
    kind = b"ctorch\nFloatStorage\n" if array.dtype == np.float32 else b"ctorch\nLongStorage\n"
    size = b"J" + struct.pack("<i", array.size)
    storage = b"(" + _text("storage") + kind + _text(key) + _text("cpu") + size + b"NtQ"
    strides = [stride // array.itemsize for stride in array.strides]
    made = storage + b"J" + struct.pack("<i", offset) + _numbers(array.shape) + _numbers(strides)
    return b"ctorch._utils\n_rebuild_tensor_v2\n(" + made + b"\x89ccollections\nOrderedDict\n)RtR"


def written(tensors: dict[str, np.ndarray], offset: int = 0) -> bytes:
    """Return a file as PyTorch before 1.6 writes it."""
    keys = {name: str(number) for number, name in enumerate(tensors)}
    items = b"".join(_text(name) + _tensor(keys[name], value, offset) for name, value in tensors.items())
    named = b"\x80\x02ccollections\nOrderedDict\n)R(" + items + b"u}" + _text("_metadata") + b"}sb."
    listed = b"\x80\x02](" + b"".join(map(_text, keys.values())) + b"e."
    values = b"".join(struct.pack("<q", a.size) + a.ravel("K").tobytes() for a in tensors.values())
    return MAGIC + VERSION + MACHINE + named + listed + values


SHAPES = arrays.array_shapes(min_dims=0, max_dims=4, max_side=4)
TENSORS = st.dictionaries(
    st.text(max_size=8), SHAPES.flatmap(lambda shape: arrays.arrays(st.sampled_from(["<f4", "<i8"]), shape)), max_size=4
)


@given(TENSORS, st.booleans())
@settings(max_examples=50)
def test_tensors_are_read_back(tensors: dict[str, np.ndarray], transposed: bool) -> None:
    """Also transposed ones, whose strides are not those of C order."""
    stored = {name: value.T if transposed else value for name, value in tensors.items()}
    found = torch_file.read(written(stored))
    assert list(found) == list(stored)
    for name, value in stored.items():
        np.testing.assert_array_equal(found[name], value)


SMALL = written({"kernel": np.arange(6, dtype="<f4").reshape(2, 3), "steps": np.array(7, "<i8")})


@given(st.integers(0, len(SMALL) - 1), st.integers(1, 255))
@settings(max_examples=300)
def test_changed_files_are_read_or_refused(place: int, change: int) -> None:
    data = bytearray(SMALL)
    data[place] ^= change
    for file in (bytes(data), SMALL[:place]):
        try:
            torch_file.read(file)
        except BadModel as error:
            assert "\n" not in str(error)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (MAGIC + VERSION + MACHINE + b"\x80\x02cos\nsystem\n(X\x02\x00\x00\x00idtR.", "it names 'os system'"),
        (MAGIC + VERSION + MACHINE + b"\x80\x02\x8c\x02os\x8c\x06system\x93.", "pickle operation SHORT_BINUNICODE"),
        (MAGIC + VERSION + MACHINE + b"\x80\x02ctorch\nFloatStorage\n)R.", "it calls"),
        (SMALL.replace(VERSION, b"\x80\x02M\xea\x03."), "it starts with"),
        (written({"part": np.zeros(3, "<f4")}, offset=1), "shows a part of another one"),
        (written({"sparse": np.zeros(6, "<f4")[::2]}), "reaches beyond its values"),
        (b"PK\x03\x04", "of the old format"),
    ],
)
def test_other_content_is_refused(data: bytes, reason: str) -> None:
    with pytest.raises(BadModel, match=reason):
        torch_file.read(data)
