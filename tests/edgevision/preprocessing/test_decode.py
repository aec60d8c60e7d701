"""Image decoding: upright, 8-bit, color, and a clear error for damaged files."""

from __future__ import annotations

import struct
import subprocess
import sys
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgevision.errors import BadImage, MissingFile
from edgevision.preprocessing import decode
from edgevision.types import Frame

COLORS = np.zeros((40, 60, 3), np.uint8)
COLORS[:20, :30] = (200, 30, 30)
COLORS[:20, 30:] = (30, 200, 30)
COLORS[20:, :30] = (30, 30, 200)
COLORS[20:, 30:] = (220, 220, 60)
PICTURE = Frame(COLORS, "RGB")


def with_exif(jpeg: bytes, orientation: int) -> bytes:
    """Add one EXIF field, Orientation (TIFF tag 0x0112), to a JPEG."""
    tiff = b"II*\0" + struct.pack("<IHHHIHHI", 8, 1, 0x0112, 3, 1, orientation, 0, 0)
    body = b"Exif\0\0" + tiff
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body + jpeg[2:]


def rgb(frame: Frame) -> np.ndarray:
    assert frame.order == "BGR"
    return frame.pixels[..., ::-1]


def test_png_round_trip_is_exact() -> None:
    assert np.array_equal(rgb(decode.decode(decode.encode_png(PICTURE), "x")), COLORS)


def test_jpeg_round_trip_is_close() -> None:
    found = rgb(decode.decode(decode.encode_jpeg(PICTURE, 95), "x")).astype(int)
    assert abs(found[5, 5] - COLORS[5, 5]).max() < 12


def test_exif_rotation_is_applied() -> None:
    upright = rgb(decode.decode(with_exif(decode.encode_jpeg(PICTURE, 95), 6), "x"))
    assert upright.shape == (60, 40, 3)
    assert abs(upright[5, 35].astype(int) - COLORS[5, 5]).max() < 15  # 6: rotate by 90 degrees to the right


def test_transparency_is_blended_with_white() -> None:
    raw = np.dstack([COLORS[..., ::-1], np.full((40, 60), 255, np.uint8)])
    raw[:20, :, 3] = 0
    raw[20:, :30, 3] = 128
    found = rgb(decode.decode(bytes(cv2.imencode(".png", raw)[1]), "x"))
    assert (found[:20] == 255).all()
    assert np.array_equal(found[20:, 30:], COLORS[20:, 30:])
    assert abs(int(found[30, 10, 2]) - (200 * 128 + 255 * 127) // 255) <= 1


@pytest.mark.parametrize("channels", [1, 3])
def test_16_bits_become_8(channels: int) -> None:
    wide = COLORS[..., ::-1].astype(np.uint16) * 257 if channels == 3 else COLORS[..., 0].astype(np.uint16) * 257
    found = rgb(decode.decode(bytes(cv2.imencode(".png", wide)[1]), "x"))
    wanted = COLORS if channels == 3 else np.repeat(COLORS[..., :1], 3, axis=2)
    assert np.array_equal(found, wanted)


def test_gray_becomes_color() -> None:
    found = rgb(decode.decode(bytes(cv2.imencode(".png", COLORS[..., 0])[1]), "x"))
    assert np.array_equal(found, np.repeat(COLORS[..., :1], 3, axis=2))


ENCODED = {
    suffix: bytes(cv2.imencode(suffix, COLORS[..., ::-1], options)[1])
    for suffix, options in ((".jpg", []), (".png", []), (".webp", [cv2.IMWRITE_WEBP_QUALITY, 90]), (".bmp", []))
}


@pytest.mark.parametrize("suffix", ENCODED)
@pytest.mark.parametrize("share", [0.0, 0.02, 0.5, 0.9])
def test_truncated_files_are_refused(suffix: str, share: float) -> None:
    data = ENCODED[suffix]
    with pytest.raises(BadImage, match="photo"):
        decode.decode(data[: int(len(data) * share)], "photo")


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(sorted(ENCODED)), st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), min_size=1, max_size=6)
)
def test_damaged_files_give_an_image_or_a_one_line_error(suffix: str, changes: list[tuple[float, int]]) -> None:
    data = bytearray(ENCODED[suffix])
    for place, value in changes:
        data[int(place * (len(data) - 1))] = value
    try:
        frame = decode.decode(bytes(data), "photo")
    except BadImage as error:
        assert str(error).startswith("photo: ") and "\n" not in str(error)
    else:
        assert frame.pixels.dtype == np.uint8 and frame.pixels.ndim == 3


def test_text_and_missing_files_are_refused(tmp_path: Path) -> None:
    text = tmp_path / "note.jpg"
    text.write_text("plain text")
    with pytest.raises(BadImage, match="a text file, not an image"):
        decode.read(text)
    with pytest.raises(MissingFile, match="image not found"):
        decode.read(tmp_path / "absent.png")
    with pytest.raises(MissingFile, match="image must be a file"):
        decode.read(tmp_path)


def test_find_sorts_and_skips_hidden_files(tmp_path: Path) -> None:
    for name in ("b/2.JPG", "a/1.png", "c.webp", ".hidden/3.png", "d.txt", "._x.jpg"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"x")
    assert [p.relative_to(tmp_path).as_posix() for p in decode.find(tmp_path)] == ["a/1.png", "b/2.JPG", "c.webp"]


@pytest.mark.parametrize("first", ["edgevision.model", "edgevision.device.cameras.backends.network"])
def test_small_file_with_too_many_pixels_is_refused(first: str, tmp_path: Path) -> None:
    """OpenCV reads its limit when it is imported, so the limit must be set before any of our modules imports it."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    side = 17_000  # 289 million pixels, above the limit of 268 million
    lines = zlib.compress(bytes(side * (1 + (side + 7) // 8)))
    head = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    path = tmp_path / "large.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", lines) + chunk(b"IEND", b""))
    code = (
        f"import {first}, pathlib\nfrom edgevision.preprocessing.decode import read\nread(pathlib.Path({str(path)!r}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert path.stat().st_size < 100_000
    assert done.returncode == 1 and "BadImage" in done.stderr.splitlines()[-1]
