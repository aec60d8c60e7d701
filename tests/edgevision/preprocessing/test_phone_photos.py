"""Photos as phones and programs write them: appended videos, orientation in every format, and damage that looks whole."""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

from edgevision.errors import BadImage
from edgevision.preprocessing import decode
from edgevision.preprocessing.orientation import upright

if TYPE_CHECKING:
    from edgevision.types import Pixels

RANDOM = np.random.default_rng(7)
PHOTO = RANDOM.integers(0, 256, (24, 32, 3), np.uint8).repeat(10, axis=0).repeat(10, axis=1)
KINDS: dict[str, list[int]] = {
    "sequential": [],
    "progressive": [cv2.IMWRITE_JPEG_PROGRESSIVE, 1],
    "restarts": [cv2.IMWRITE_JPEG_RST_INTERVAL, 8],
}
JPEGS = {name: cv2.imencode(".jpg", PHOTO, options)[1].tobytes() for name, options in KINDS.items()}
JPEGS["gray"] = cv2.imencode(".jpg", PHOTO[..., 0])[1].tobytes()
MP4 = b"\0\0\0\x18ftypmp42" + b"\xff\xda\xff\xd8\xff\xd9\xff\xda" + RANDOM.integers(0, 256, 4000, np.uint8).tobytes()


def pixels(data: bytes) -> Pixels:
    return decode.decode(data, "photo").pixels


@pytest.mark.parametrize("kind", JPEGS)
@pytest.mark.parametrize(
    "trailer", [MP4, bytes(3000), JPEGS["gray"], JPEGS["gray"][:300]], ids=["video", "zeros", "image", "half image"]
)
def test_what_phones_append_to_a_jpeg_is_left_out(kind: str, trailer: bytes) -> None:
    assert np.array_equal(pixels(JPEGS[kind] + trailer), pixels(JPEGS[kind]))


@pytest.mark.parametrize("kind", JPEGS)
@pytest.mark.parametrize("share", [0.2, 0.5, 0.9])
@pytest.mark.parametrize("end", [b"", b"\xff\xd9", b"\xff\xd9" + MP4, MP4], ids=["bare", "end", "end video", "video"])
def test_truncated_jpeg_is_refused_whatever_follows(kind: str, share: float, end: bytes) -> None:
    data = JPEGS[kind]
    with pytest.raises(BadImage, match=r"photo: (the JPEG is truncated|damaged)"):
        pixels(data[: int(len(data) * share)] + end)


def test_jpeg_with_superfluous_bytes_is_read() -> None:
    data = JPEGS["sequential"]
    assert np.array_equal(pixels(data[:-2] + b"junk" + data[-2:]), pixels(data))


def test_warnings_of_the_libraries_stay_off_stderr(capfd: pytest.CaptureFixture[str]) -> None:
    data = JPEGS["sequential"]
    pixels(data[:-2] + b"junk" + data[-2:])
    with pytest.raises(BadImage):
        pixels(data[:2000] + data[-2:])
    text = chunk(b"gAMA", b"\0")
    png = cv2.imencode(".png", PHOTO)[1].tobytes()
    pixels(png[:33] + text + png[33:])
    with pytest.raises(BadImage):
        pixels(png[:60] + b"\0\0" + png[62:])
    assert capfd.readouterr().err == ""


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def exif(orientation: int) -> bytes:
    return b"II*\0" + struct.pack("<IHHHIHHI", 8, 1, 0x0112, 3, 1, orientation, 0, 0)


IMAGES = {
    "plain": PHOTO,
    "gray": np.ascontiguousarray(PHOTO[..., 0]),
    "alpha": np.dstack([PHOTO, PHOTO[..., 0]]),
    "16 bit": PHOTO.astype(np.uint16) * 257,
    "16 bit alpha": np.dstack([PHOTO, PHOTO[..., 0]]).astype(np.uint16) * 257,
}


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", IMAGES)
def test_orientation_of_a_png_is_applied(kind: str, orientation: int) -> None:
    data = cv2.imencode(".png", IMAGES[kind])[1].tobytes()
    turned = data[:33] + chunk(b"eXIf", exif(orientation)) + data[33:]
    assert np.array_equal(pixels(turned), upright(pixels(data), orientation))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["plain", "alpha"])
def test_orientation_of_a_webp_is_applied(kind: str, orientation: int) -> None:
    data = cv2.imencode(".webp", IMAGES[kind], [cv2.IMWRITE_WEBP_QUALITY, 101])[1].tobytes()
    body = exif(orientation)
    inner = data[12:] if data[12:16] != b"VP8X" else data[30:]
    flags = 0x08 | (0x10 if kind == "alpha" else 0)
    size = (319).to_bytes(3, "little") + (239).to_bytes(3, "little")
    chunks = b"VP8X\x0a\0\0\0" + bytes([flags, 0, 0, 0]) + size + inner
    chunks += b"EXIF" + struct.pack("<I", len(body)) + body + bytes(len(body) % 2)
    turned = b"RIFF" + struct.pack("<I", len(chunks) + 4) + b"WEBP" + chunks
    assert np.array_equal(pixels(turned), upright(pixels(data), orientation))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_of_a_jpeg_is_that_of_the_other_formats(orientation: int) -> None:
    data = JPEGS["sequential"]
    body = b"Exif\0\0" + exif(orientation)
    turned = data[:2] + b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body + data[2:]
    assert np.array_equal(pixels(turned), upright(pixels(data), orientation))


@pytest.mark.parametrize("bad", [exif(0), exif(9), exif(65535), b"", b"II*\0\xff\xff\xff\xff", b"MM"])
def test_wrong_exif_is_ignored(bad: bytes) -> None:
    data = cv2.imencode(".png", PHOTO)[1].tobytes()
    assert np.array_equal(pixels(data[:33] + chunk(b"eXIf", bad) + data[33:]), PHOTO)


@pytest.mark.parametrize("suffix", [".ppm", ".pgm", ".pbm", ".tiff", ".webp", ".bmp", ".png"])
def test_other_formats_are_read(suffix: str) -> None:
    image = PHOTO if suffix not in (".pgm", ".pbm") else np.where(PHOTO[..., 0] > 128, 255, 0).astype(np.uint8)
    options = [cv2.IMWRITE_WEBP_QUALITY, 101] if suffix == ".webp" else []
    found = pixels(cv2.imencode(suffix, image, options)[1].tobytes())
    assert np.array_equal(found if image.ndim == 3 else found[..., 0], image)


def test_pnm_of_another_maximum_is_scaled() -> None:
    values = np.array([0, 511, 1023], ">u2").tobytes()
    assert pixels(b"P5 3 1 1023\n" + values)[0, :, 0].tolist() == [0, 127, 255]
