"""Image decoding and encoding. All parts of the package decode images here: upright, 8-bit, three channels, BGR.

It also controls OpenCV's log, which is off while this package reports faults in one line each.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from ..errors import BadImage, MissingFile
from ..types import Frame

if TYPE_CHECKING:
    from ..types import Pixels

SUFFIXES = frozenset({".jpg", ".jpeg", ".jfif", ".png", ".webp", ".bmp", ".tif", ".tiff"})
"""File name suffixes, in lower case, that ``find`` treats as images."""
SILENT = 0
"""Level of OpenCV's log that lets nothing through."""
_JPEG_START, _JPEG_SCAN, _JPEG_END = b"\xff\xd8\xff", b"\xff\xda", b"\xff\xd9"
_REDUCED = {
    1: cv2.IMREAD_COLOR,
    2: cv2.IMREAD_REDUCED_COLOR_2,
    4: cv2.IMREAD_REDUCED_COLOR_4,
    8: cv2.IMREAD_REDUCED_COLOR_8,
}
_PNG_START, _PNG_END = b"\x89PNG\r\n\x1a\n", b"IEND\xaeB`\x82"


def read(path: Path) -> Frame:
    """Read an image file into a BGR frame. Raises MissingFile, BadImage."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise MissingFile(f"image not found: {path}") from None
    except OSError as error:
        raise BadImage(f"cannot read {path}: {error.strerror}") from None
    return decode(data, str(path))


def decode(data: bytes, source: str, reduced: int = 1) -> Frame:
    """Decode an encoded image into a BGR frame. Raises BadImage.

    EXIF orientation is applied, transparent pixels are blended with white, 16 bits become 8, and gray and CMYK become
    color. ``source`` names the image in errors. ``reduced`` = 2, 4 or 8 decodes a JPEG at that fraction of its size
    (rounded up), which is much faster; other formats ignore it.
    """
    reason = _damage(data)
    if reason:
        raise BadImage(f"{source}: {reason}")
    is_jpeg = data.startswith(_JPEG_START)
    pixels = _decode_plain(data, _REDUCED[reduced]) if is_jpeg else _decode_any(data)
    if pixels is None:
        raise BadImage(f"{source}: damaged or not an image; use JPEG, PNG, WebP, BMP or TIFF")
    return Frame(pixels, "BGR", source=source, reduced=reduced if is_jpeg else 1)


def find(folder: Path) -> list[Path]:
    """Return all image files below a folder, sorted. Files are chosen by suffix; hidden and system folders are skipped."""
    from .sniff import SYSTEM_FOLDERS

    return sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in SUFFIXES
        and not any(part.startswith(".") or part.lower() in SYSTEM_FOLDERS for part in path.relative_to(folder).parts)
        and path.is_file()
    )


def encode_png(frame: Frame, effort: int = 9) -> bytes:
    """Encode a frame as PNG (lossless). ``effort``: 0..9; 1 is eight times faster than 9 and gives a slightly larger file."""
    return _encode(".png", frame, [cv2.IMWRITE_PNG_COMPRESSION, effort])


def encode_jpeg(frame: Frame, quality: int = 90) -> bytes:
    """Encode a frame as JPEG with quality 1..100."""
    return _encode(".jpg", frame, [cv2.IMWRITE_JPEG_QUALITY, quality])


def _encode(suffix: str, frame: Frame, options: list[int]) -> bytes:
    pixels = cv2.cvtColor(frame.pixels, cv2.COLOR_RGB2BGR) if frame.order == "RGB" else frame.pixels
    good, data = cv2.imencode(suffix, pixels, options)
    if not good:
        raise BadImage(f"cannot encode {frame.source or 'a frame'} ({frame.width}x{frame.height}) as {suffix}")
    return bytes(data)


def _damage(data: bytes) -> str | None:
    """Return what is wrong with a truncated file, which OpenCV would silently decode to a half-gray image."""
    if not data:
        return "the file is empty"
    if data.startswith(_JPEG_START) and data.rfind(_JPEG_END) < data.rfind(_JPEG_SCAN):
        return "the JPEG is truncated"
    if data.startswith(_PNG_START) and _PNG_END not in data[-4096:] and _PNG_END not in data:
        return "the PNG is truncated"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP" and len(data) < int.from_bytes(data[4:8], "little") + 8:
        return "the WebP is truncated"
    if data[:2] == b"BM" and len(data) < int.from_bytes(data[2:6], "little"):
        return "the BMP is truncated"
    return None


def _decode_plain(data: bytes, mode: int = cv2.IMREAD_COLOR) -> Pixels | None:
    return _quietly(lambda: cv2.imdecode(np.frombuffer(data, np.uint8), mode))  # noqa: TID251


def _decode_any(data: bytes) -> Pixels | None:
    """Decode a format that may have alpha or 16 bits. Plain images use OpenCV's color mode, which also reads EXIF."""
    raw = _quietly(lambda: cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED))  # noqa: TID251
    if raw is None:
        return None
    if raw.dtype not in (np.uint8, np.uint16):
        return None
    has_alpha = raw.ndim == 3 and raw.shape[2] == 4
    if raw.dtype == np.uint8 and not has_alpha:
        return _decode_plain(data)
    if raw.dtype == np.uint16:
        raw = ((raw.astype(np.uint32) + 128) // 257).astype(np.uint8)
    return _on_white(raw) if has_alpha else _as_color(raw)


def _on_white(raw: Pixels) -> Pixels:
    alpha = raw[..., 3:].astype(np.uint32)
    mixed = raw[..., :3].astype(np.uint32) * alpha + 255 * (255 - alpha)
    return np.ascontiguousarray(((mixed + 127) // 255).astype(np.uint8))


def _as_color(raw: Pixels) -> Pixels:
    return cv2.cvtColor(raw, cv2.COLOR_GRAY2BGR) if raw.ndim == 2 else raw


def _quietly(call: Callable[[], Pixels | None]) -> Pixels | None:
    """Call a decoder; return None on damaged data, where OpenCV raises or warns on stderr. The caller reports it."""
    with silenced():
        try:
            return call()
        except cv2.error:
            return None


def silence() -> None:
    """Turn OpenCV's log off permanently."""
    _log().setLogLevel(SILENT)


@contextlib.contextmanager
def silenced() -> Iterator[None]:
    """Turn OpenCV's log off inside a ``with`` block."""
    log = _log()
    level = log.getLogLevel()
    log.setLogLevel(SILENT)
    try:
        yield
    finally:
        log.setLogLevel(level)


def _log() -> Any:
    return cv2.utils.logging if hasattr(cv2.utils, "logging") else cv2  # version 5 moved it
