"""Image decoding and encoding. All parts of the package decode images here: upright, 8-bit, three channels, BGR."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from ..errors import BadImage
from ..types import Frame
from . import READABLE, native_log, pixel_limit
from . import SUFFIXES as SUFFIXES
from .image_folder import find as find
from .image_folder import read_file as read_file
from .native_log import silence as silence
from .native_log import silenced as silenced
from .sniff import sniff

if TYPE_CHECKING:
    from ..types import Pixels
    from .image_headers import Format

_REDUCED = {
    1: cv2.IMREAD_COLOR,
    2: cv2.IMREAD_REDUCED_COLOR_2,
    4: cv2.IMREAD_REDUCED_COLOR_4,
    8: cv2.IMREAD_REDUCED_COLOR_8,
}
_BLOCK = 1 << 20
"""Number of pixels converted at a time, which limits the memory of the conversions."""
_USE = "use JPEG, PNG, WebP, BMP or TIFF"
_OPTIONAL = ("gif", "avif", "jp2")
"""Formats that some builds of OpenCV do not have."""
_SLOW = ("avif", "jp2", "tiff")
"""Formats whose decoders can take long for few pixels."""
MAX_SECONDS = 30.0
"""Processor time of decoding one large image, or one of the slow formats, after which it is refused."""
_PREMATURE = "premature end"
"""Part of libjpeg's warnings about image data that ends early."""
_MISSING = 128
"""Value that libjpeg gives to each channel of missing blocks."""
_FILLER = bytes(range(1, 200)) * 8
"""Image data that a complete scan ignores, and a truncated one continues with."""


def read(path: Path) -> Frame:
    """Read an image file into a BGR frame. Raises MissingFile, BadImage."""
    return decode(read_file(path), str(path))


def decode(data: bytes, source: str, reduced: int = 1) -> Frame:
    """Decode an encoded image into a BGR frame. Raises BadImage.

    The orientation of EXIF is applied, transparent pixels are blended with white, 16 bits become 8, and gray and CMYK
    become color. Of an animation the first image is taken. ``source`` names the image in errors. ``reduced`` = 2, 4 or 8
    decodes a JPEG at that fraction of its size (rounded up), which is much faster; other formats ignore it.
    """
    found = sniff(data)
    is_jpeg = found.kind == "jpeg"
    try:
        _require_readable(data, found)
        with pixel_limit.turn(found):
            pixels = _decode(data, found, _REDUCED[reduced])
    except BadImage as error:
        raise BadImage(f"{source}: {error}") from None
    return Frame(pixels, "BGR", source=source, reduced=reduced if is_jpeg else 1)


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


def _require_readable(data: bytes, found: Format) -> None:
    """Raise BadImage for a file that no decoder should see."""
    if not data:
        raise BadImage("the file is empty")
    if found.kind == "unknown":
        raise BadImage(f"damaged or not an image; {_USE}")
    if found.kind == "text":
        raise BadImage("a text file, not an image")
    if found.kind not in READABLE:
        raise BadImage(f"the content is {found.kind.upper()}, which is not supported; save it as JPEG or PNG")
    if reason := pixel_limit.refusal(found):
        raise BadImage(reason)


def _decode(data: bytes, found: Format, mode: int) -> Pixels:
    """Decode in a bounded time."""

    def call() -> Pixels:
        return _decode_jpeg(data, found, mode) if found.kind == "jpeg" else _decode_other(data, found)

    if found.decoded_bytes <= pixel_limit.LARGE_BYTES and found.kind not in _SLOW:
        return call()
    from .time_limit import within

    return _require_pixels(within(call, MAX_SECONDS), found)


def _decode_jpeg(data: bytes, found: Format, mode: int) -> Pixels:
    """Decode the first image of a JPEG file; what phones append to it, such as a video, is left out."""
    if found.end is None:
        raise BadImage("the JPEG is truncated")
    data = data[: found.end]
    pixels, said = _imdecode(data, mode)
    if pixels is not None and said:
        pixels, said = _imdecode(data, mode, alone=True)  # what was said may be of another thread's image
        if pixels is not None and said:
            if _PREMATURE in said.lower():
                truncated = found.progressive or found.channels == 4 or _has_missing_edge(pixels)
            else:
                truncated = _continues(data, mode, pixels)
            if truncated:
                raise BadImage("the JPEG is truncated: its image data ends early")
    return _require_pixels(pixels, found)


def _has_missing_edge(pixels: Pixels) -> bool:
    """Return whether an eighth of a border line or more is the gray of missing blocks. The image may be turned."""
    edges = (pixels[-1], pixels[0], pixels[:, -1], pixels[:, 0])
    return any(bool((edge == _MISSING).all(axis=-1).mean() > 1 / 8) for edge in edges)


def _continues(data: bytes, mode: int, pixels: Pixels) -> bool:
    """Return whether more image data before the end marker changes the image, which it does only if some is missing."""
    longer, _ = _imdecode(data[:-2] + _FILLER + data[-2:], mode)
    return longer is None or not np.array_equal(longer, pixels)


def _decode_other(data: bytes, found: Format) -> Pixels:
    """Decode a format that may have alpha or 16 bits. Plain images use OpenCV's color mode."""
    from . import orientation

    turned = orientation.read(data, found.kind)
    data = _intact(data, found)
    plain = cv2.IMREAD_COLOR
    if found.kind != "tiff":  # turned here, because OpenCV ignores the orientation of images with alpha or 16 bits
        plain |= cv2.IMREAD_IGNORE_ORIENTATION
    raw, _ = _imdecode(data, cv2.IMREAD_UNCHANGED)
    converted = None if raw is None else _convert(raw, found)
    if converted is None and (raw is not None or found.kind == "jp2"):
        raw = None  # it may be large, and the image is decoded again
        converted, _ = _imdecode(data, plain)
    pixels = _require_pixels(converted, found)
    return pixels if turned == 1 else orientation.upright(pixels, turned)


def _convert(raw: Pixels, found: Format) -> Pixels | None:
    """Return an image as plain color; None if only OpenCV can convert it."""
    if raw.dtype not in (np.uint8, np.uint16):
        raise BadImage(f"pixels of type {raw.dtype} are not supported; save the image with 8 or 16 bits per channel")
    if raw.dtype == np.uint16 and found.kind == "avif":
        return None  # 10 or 12 bits, which only the decoder knows
    if raw.dtype == np.uint16 or found.maximum != 255:
        raw = _to_8_bits(raw, 65535 if found.maximum == 255 else found.maximum)
    elif found.kind in ("tiff", "jp2") and not _has_alpha(raw):
        return None  # of the many kinds of these, OpenCV's two modes do not treat all in the same way
    return _on_white(raw) if _has_alpha(raw) else _as_color(raw)


def _intact(data: bytes, found: Format) -> bytes:
    """Return the part of a file that the decoder needs. Raises BadImage for a truncated file.

    OpenCV would silently decode some truncated files to a half-gray image.
    """
    if found.kind == "png":
        from . import png_chunks

        needed = png_chunks.needed(data)
        if needed is None:
            raise BadImage("the PNG is truncated")
        return needed
    if found.kind == "webp":
        size = int.from_bytes(data[4:8], "little") + 8
        if len(data) < size:
            raise BadImage("the WebP is truncated")
        return data[:size]
    if found.kind == "bmp" and len(data) < int.from_bytes(data[2:6], "little"):
        raise BadImage("the BMP is truncated")
    return data


def _require_pixels(pixels: Pixels | None, found: Format) -> Pixels:
    if pixels is not None:
        return pixels
    if found.kind in _OPTIONAL:
        name = {"jp2": "JPEG 2000"}.get(found.kind, found.kind.upper())
        raise BadImage(f"damaged, or {name} is not supported by this OpenCV; save it as JPEG or PNG")
    raise BadImage(f"damaged or not an image; {_USE}")


def _imdecode(data: bytes, mode: int, alone: bool = False) -> tuple[Pixels | None, str]:
    """Return the decoded image, or None for damaged data, and what the decoder's library wrote to stderr meanwhile."""
    with silenced(), native_log.captured(alone) as said:
        try:
            pixels = cv2.imdecode(np.frombuffer(data, np.uint8), mode)  # noqa: TID251
        except cv2.error:
            pixels = None
        return pixels, said()


def _has_alpha(raw: Pixels) -> bool:
    return raw.ndim == 3 and raw.shape[2] == 4


def _to_8_bits(raw: Pixels, maximum: int) -> Pixels:
    """Scale 0..maximum to 0..255, rounded, some rows at a time."""
    made = np.empty(raw.shape, np.uint8)
    for rows in _blocks(raw):
        if maximum == 65535:
            made[rows] = (raw[rows].astype(np.uint32) + 128) // 257
        else:
            made[rows] = np.minimum((raw[rows].astype(np.uint32) * 255 + maximum // 2) // maximum, 255)
    return made


def _on_white(raw: Pixels) -> Pixels:
    """Blend with white, some rows at a time."""
    made = np.empty((*raw.shape[:2], 3), np.uint8)
    for rows in _blocks(raw):
        alpha = raw[rows, :, 3:].astype(np.uint32)
        mixed = raw[rows, :, :3].astype(np.uint32) * alpha + 255 * (255 - alpha)
        made[rows] = (mixed + 127) // 255
    return made


def _blocks(raw: Pixels) -> list[slice]:
    height, width = raw.shape[:2]
    step = max(1, _BLOCK // max(1, width))
    return [slice(start, start + step) for start in range(0, height, step)]


def _as_color(raw: Pixels) -> Pixels:
    return cv2.cvtColor(raw, cv2.COLOR_GRAY2BGR) if raw.ndim == 2 else raw
