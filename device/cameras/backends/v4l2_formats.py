"""Pixel formats, sizes and rates that a V4L2 camera offers, and the choice among them."""

from __future__ import annotations

import errno
import fcntl
import os
import struct
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ...stream.request import CaptureRequest

SIZE = (640, 480)
"""Default size in pixels: every camera has it, and it exceeds most models' input."""
FPS = 30.0
_ENUM_FMT, _ENUM_SIZES, _ENUM_RATES, _REQBUFS = 0xC0405602, 0xC02C564A, 0xC034564B, 0xC0145608
"""Requests of linux/videodev2.h, for v4l2_fmtdesc, v4l2_frmsizeenum, v4l2_frmivalenum and v4l2_requestbuffers."""
_CAPTURE, _MMAP = 1, 1
"""V4L2_BUF_TYPE_VIDEO_CAPTURE, V4L2_MEMORY_MMAP."""
_DISCRETE = 1
"""V4L2_FRMSIZE_TYPE_DISCRETE, V4L2_FRMIVAL_TYPE_DISCRETE; other types are ranges."""
_MOST = 256
"""Upper bound of entries per list, so that a driver that never ends its list does not hang us."""
DECODABLE = ("MJPG", "JPEG", "YUYV", "UYVY", "YVYU", "NV12", "NV21", "YU12", "YV12", "BGR3", "RGB3", "GREY")
"""Formats that can be decoded here, best first. MJPEG gives full rate at any size over USB, and is decoded no larger than the
model needs; a node that offers none of these delivers raw sensor data or compressed video."""
Ioctl = Callable[[int, bytearray], None]
"""Queries one open node: request, structure to fill in. Raises OSError."""


@dataclass(frozen=True, slots=True)
class Format:
    """One pixel format at one size."""

    fourcc: str
    """Kernel name of the format, such as MJPG or YUYV."""
    width: int
    """Width in pixels; the largest, if any size up to it is offered."""
    height: int
    rates_fps: tuple[float, ...] = ()
    """Frames per second, highest first; empty: not reported."""
    any_size: bool = False
    """Whether every size up to this one is offered, not only this one."""

    def has(self, size: tuple[int, int]) -> bool:
        """Return whether images of this size are available."""
        if self.any_size:
            return size[0] <= self.width and size[1] <= self.height
        return size == (self.width, self.height)


def formats(path: Path, ioctl: Ioctl | None = None) -> tuple[Format, ...]:
    """Return all formats that a camera offers; empty if it does not report any."""
    if ioctl is not None:
        return tuple(_formats(ioctl))
    try:
        handle = os.open(path, os.O_RDWR | os.O_NONBLOCK)
    except OSError:
        return ()
    try:
        return tuple(_formats(lambda request, data: _ask(handle, request, data)))
    finally:
        os.close(handle)


def is_busy(path: Path) -> bool:
    """Return whether another program captures from this node."""
    try:
        handle = os.open(path, os.O_RDWR | os.O_NONBLOCK)
    except OSError as error:
        return error.errno == errno.EBUSY
    try:
        for count in (1, 0):  # request a buffer, then free it
            fcntl.ioctl(handle, _REQBUFS, bytearray(struct.pack("3I8x", count, _CAPTURE, _MMAP)))
    except OSError as error:
        return error.errno == errno.EBUSY
    finally:
        os.close(handle)
    return False


def choose(offered: tuple[Format, ...], wanted: CaptureRequest) -> Format | None:
    """Return the format to request, with one rate, in the requested or nearest size; None if nothing is known."""
    size, fps = wanted.size or SIZE, wanted.fps or FPS
    offered = tuple(one for one in offered if one.fourcc in DECODABLE)
    fitting = [one for one in offered if one.has(size)] or _nearest(offered, size)
    if not fitting:
        return None
    best = min(fitting, key=lambda one: (-min(max(one.rates_fps, default=fps), fps), DECODABLE.index(one.fourcc)))
    width, height = size if best.any_size and best.has(size) else (best.width, best.height)
    rate = min(best.rates_fps, key=lambda value: (value < fps * 0.99, abs(value - fps)), default=fps)
    return Format(best.fourcc, width, height, (rate,))


def _nearest(offered: tuple[Format, ...], size: tuple[int, int]) -> list[Format]:
    if not offered:
        return []
    distances = {(one.width, one.height): abs(one.width - size[0]) + abs(one.height - size[1]) for one in offered}
    nearest = min(distances, key=lambda one: distances[one])
    return [one for one in offered if (one.width, one.height) == nearest]


def _formats(ask: Ioctl) -> Iterator[Format]:
    for answer in _listed(ask, _ENUM_FMT, lambda index: struct.pack("2I56x", index, _CAPTURE)):
        code = struct.unpack_from("I", answer, 44)[0]
        fourcc = struct.pack("<I", code & 0x7FFF_FFFF).decode("ascii", errors="replace").strip()
        yield from _sizes(ask, code, fourcc)


def _sizes(ask: Ioctl, code: int, fourcc: str) -> Iterator[Format]:
    for answer in _listed(ask, _ENUM_SIZES, lambda index: struct.pack("2I36x", index, code)):
        kind = struct.unpack_from("I", answer, 8)[0]
        if kind == _DISCRETE:
            width, height = struct.unpack_from("2I", answer, 12)
        else:
            _, width, _, _, height, _ = struct.unpack_from("6I", answer, 12)
        yield Format(fourcc, width, height, _rates(ask, code, width, height), kind != _DISCRETE)


def _rates(ask: Ioctl, code: int, width: int, height: int) -> tuple[float, ...]:
    found = set()
    for answer in _listed(ask, _ENUM_RATES, lambda index: struct.pack("4I36x", index, code, width, height)):
        # An interval in seconds as a fraction; for a range the shortest, which comes first.
        above, below = struct.unpack_from("2I", answer, 20)
        if above and below:
            found.add(round(below / above, 3))
    return tuple(sorted(found, reverse=True))


def _listed(ask: Ioctl, request: int, question: Callable[[int], bytes]) -> Iterator[bytearray]:
    """Query entries 0, 1, 2 ... until the driver reports the end."""
    with suppress(OSError):
        for index in range(_MOST):
            data = bytearray(question(index))
            ask(request, data)
            yield data


def _ask(handle: int, request: int, data: bytearray) -> None:
    fcntl.ioctl(handle, request, data)
