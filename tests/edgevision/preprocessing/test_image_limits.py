"""Limits of decoding: pixels, memory and scans, all read from the header."""

from __future__ import annotations

import resource
import struct
import subprocess
import sys
import threading
import zlib
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from edgevision.errors import BadImage
from edgevision.preprocessing import decode, pixel_limit
from edgevision.preprocessing.sniff import sniff
from edgevision.types import DEFAULT_MAX_PIXELS


@pytest.fixture(autouse=True)
def _usual_limit() -> Iterator[None]:
    yield
    pixel_limit.set_max_pixels(DEFAULT_MAX_PIXELS)


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, bits: int = 8, color: int = 2, rows: int | None = None, extra: bytes = b"") -> bytes:
    line = bytes(1 + (width * bits * {0: 1, 2: 3, 4: 2, 6: 4}[color] + 7) // 8)
    packer = zlib.compressobj(9)
    lines = b"".join(packer.compress(line) for _ in range(height if rows is None else rows)) + packer.flush()
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, color, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + extra + chunk(b"IDAT", lines) + chunk(b"IEND", b"")


def tiff(width: int, height: int, samples: int = 3, tile: int = 0) -> bytes:
    tags = [(256, 4, width), (257, 4, height), (258, 3, 8), (259, 3, 1), (262, 3, 2), (273, 4, 150), (277, 3, samples)]
    tags += [(322, 4, tile), (323, 4, tile)] if tile else []
    entries = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in tags)
    return b"II*\0\x08\0\0\0" + struct.pack("<H", len(tags)) + entries + bytes(200)


def jpeg_of(width: int, height: int) -> bytes:
    data = bytearray(cv2.imencode(".jpg", np.zeros((16, 16, 3), np.uint8))[1].tobytes())
    at = data.index(b"\xff\xc0")
    data[at + 5 : at + 9] = struct.pack(">HH", height, width)
    return bytes(data)


SIDE = 20_000
HUGE = {
    "png": png(SIDE, SIDE, rows=1),
    "jpeg": jpeg_of(SIDE, SIDE),
    "tiff": tiff(SIDE, SIDE),
    "tiles": tiff(64, 64, tile=SIDE),
    "channels": tiff(4000, 4000, samples=60),
    "bigtiff": b"II+\0\x08\0\0\0" + struct.pack("<QQ", 16, 2)
    + b"".join(struct.pack("<HHQQ", tag, 4, 1, SIDE) for tag in (256, 257)) + bytes(16),
    "bmp": b"BM" + struct.pack("<IHHIIiiHH", 54, 0, 0, 54, 40, SIDE, -SIDE, 1, 24) + bytes(26),
    "webp": b"RIFF\x20\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0" + 2 * (SIDE - 1).to_bytes(3, "little") + bytes(10),
    "gif": b"GIF89a" + struct.pack("<HH", SIDE, SIDE) + bytes(20),
    "pnm": b"P6 # comment\n20000\n20000 255\n" + bytes(100),
    "jp2": b"\0\0\0\x0cjP  \r\n\x87\n" + b"\xff\x4f\xff\x51\0\x2f\0\0" + struct.pack(">IIII", SIDE, SIDE, 0, 0)
    + bytes(16) + b"\0\3\7" + bytes(30),
    "avif": b"\0\0\0\x18ftypavif\0\0\0\0mif1avif" + b"\0\0\0\x14ispe" + struct.pack(">III", 0, SIDE, SIDE) + bytes(30),
}  # fmt: skip


@pytest.mark.parametrize("kind", HUGE)
def test_header_with_too_many_pixels_is_refused(kind: str) -> None:
    with pytest.raises(BadImage, match=r"photo: \d+x\d+ pixels .*raise --max-pixels"):
        decode.decode(HUGE[kind], "photo")


def test_limit_can_be_set() -> None:
    data = png(40, 30)
    pixel_limit.set_max_pixels(1199)
    with pytest.raises(BadImage, match="40x30 pixels are more than the limit of 1199"):
        decode.decode(data, "photo")
    pixel_limit.set_max_pixels(1200)
    assert decode.decode(data, "photo").width == 40


def test_bytes_per_pixel_count() -> None:
    pixel_limit.set_max_pixels(1200)
    assert decode.decode(png(40, 30, color=6), "photo").width == 40
    with pytest.raises(BadImage, match="40x30 pixels of 8 bytes each"):
        decode.decode(png(40, 30, bits=16, color=6), "photo")


def test_large_image_takes_bounded_memory(tmp_path: Path) -> None:
    """A 16-bit image with alpha used to be copied as 32 bits per channel: 24 bytes for each pixel."""
    path = tmp_path / "deep.png"
    path.write_bytes(png(4000, 4000, bits=16, color=6))
    code = (
        "import pathlib\nfrom edgevision.preprocessing import decode\n"
        f"decode.read(pathlib.Path({str(path)!r}))\nprint(pathlib.Path('/proc/self/status').read_text())"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    peak = next(line for line in done.stdout.splitlines() if line.startswith("VmHWM"))
    assert int(peak.split()[1]) < 450_000  # kB


@pytest.mark.parametrize("kind", [b"zTXt", b"iCCP"])
def test_compressed_text_of_a_png_is_not_unpacked(kind: bytes) -> None:
    bomb = chunk(kind, b"a\0\0" + zlib.compress(bytes(50 << 20), 9))
    assert sniff(png(8, 8, extra=bomb)).width == 8
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    decode.decode(png(8, 8, extra=bomb), "photo")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20_000


def test_jpeg_with_hundreds_of_scans_is_refused() -> None:
    plain = cv2.imencode(".jpg", np.zeros((64, 64, 3), np.uint8), [cv2.IMWRITE_JPEG_PROGRESSIVE, 1])[1].tobytes()
    assert 1 < sniff(plain).scans < 20
    last = plain[plain.rindex(b"\xff\xda") : -2]
    with pytest.raises(BadImage, match=r"3\d\d scans of 64x64 pixels"):
        decode.decode(plain[:-2] + last * 300 + plain[-2:], "photo")


def test_large_images_are_decoded_one_at_a_time() -> None:
    large = sniff(HUGE["png"])
    inside = threading.Event()

    def enter() -> None:
        with pixel_limit.turn(large):
            inside.set()

    with pixel_limit.turn(large):
        waiting = threading.Thread(target=enter)
        waiting.start()
        assert not inside.wait(0.05)
        with pixel_limit.turn(sniff(png(8, 8))):
            pass
    waiting.join(120)
    assert inside.is_set()


def test_decoding_that_takes_too_long_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    ended = threading.Event()

    def endless(data: object, mode: int) -> None:
        while not ended.is_set():
            pass

    monkeypatch.setattr(decode, "MAX_SECONDS", 0.2)
    monkeypatch.setattr(cv2, "imdecode", endless)
    try:
        with pytest.raises(BadImage, match=r"photo: decoding takes longer than 0.2 s; save the image as JPEG or PNG"):
            decode.decode(tiff(8, 8), "photo")
    finally:
        ended.set()
