"""The size from the header equals that of the decoded image, for every format and orientation."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from box_scenes import with_orientation
from hypothesis import given, settings
from hypothesis import strategies as st

from edgevision.preprocessing.decode import decode
from edgevision.preprocessing.upright_size import HEADS, UprightSize, read_upright_size


def encoded(suffix: str) -> bytes:
    pixels = np.random.default_rng(3).integers(0, 255, (30, 50, 3), np.uint8)
    return bytes(cv2.imencode(suffix, pixels)[1])


@pytest.mark.parametrize("orientation", range(9))
def test_jpeg_size_follows_the_orientation(orientation: int) -> None:
    data = with_orientation(encoded(".jpg"), orientation)
    frame = decode(data, "x")
    found = read_upright_size(data, complete=True)
    assert found == UprightSize(frame.width, frame.height, orientation or 1)


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".bmp", ".tif", ".ppm", ".gif"])
def test_size_of_each_format(suffix: str) -> None:
    found = read_upright_size(encoded(suffix), complete=True)
    assert found == UprightSize(50, 30, 1)


def test_size_of_a_truncated_head() -> None:
    assert read_upright_size(encoded(".jpg")[:10], complete=False) is None
    assert read_upright_size(encoded(".png"), complete=False) is None, "the orientation may be behind the pixels"


@pytest.mark.parametrize("count", HEADS)
def test_size_behind_a_large_block_needs_more_bytes(count: int) -> None:
    """The orientation of a block that is cut off must not be taken for none."""
    jpeg = with_orientation(encoded(".jpg"), 6)
    exif = jpeg[2:40]
    padding = b"".join(b"\xff\xe2\xff\xff" + bytes(65533) for _ in range(5))
    data = jpeg[:2] + padding + exif + jpeg[40:]
    assert read_upright_size(data[:count], complete=False) is None
    assert read_upright_size(data, complete=True) == UprightSize(30, 50, 6)


@settings(max_examples=200, deadline=None)
@given(st.sampled_from([b"\xff\xd8\xff\xe1", b"\x89PNG\r\n\x1a\n", b"II*\0", b"RIFF"]), st.binary(max_size=300))
def test_size_of_any_bytes_never_raises(start: bytes, rest: bytes) -> None:
    found = read_upright_size(start + rest, complete=True)
    assert found is None or found.width > 0
