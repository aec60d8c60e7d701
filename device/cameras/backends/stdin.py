"""Frames on standard input: JPEGs (``-``) or uncompressed frames of a known size (``raw:640x480:rgb24``)."""

from __future__ import annotations

import os
import re
import select
import sys
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from threading import RLock
from typing import TYPE_CHECKING

import numpy as np

from edgevision.errors import BadImage, BadInput
from edgevision.preprocessing import decode
from edgevision.types import DEFAULT_MAX_PIXELS, Frame

from ...stream.events import Unreadable
from ...stream.protocols import Reader
from ...stream.request import ANY, CaptureRequest
from ...system.clock import SYSTEM, Clock
from ..wrappers.jpeg_scale import reduction
from ..wrappers.reader_thread import EveryFrame, NewestFrame
from .jpeg_splitter import JpegSplitter, jpeg_size
from .pixel_formats import Layout, layout, pixels

if TYPE_CHECKING:
    from ...stream.protocols import Source

_RAW = re.compile(r"raw:(\d+)x(\d+):([A-Za-z0-9]+)")
_CHUNK = 1 << 18
_PATIENCE = 1 << 22
"""Number of bytes without a JPEG start after which the input is rejected."""
_FOREVER_S = 1e7
"""Timeout of a live pipe in seconds: it may be silent for as long as the writer likes."""
HOW = "pipe in JPEGs (concatenated or multipart), or give the raw format, such as raw:640x480:rgb24"


class Pipe:
    """Bytes from a file descriptor; a read can be ended from another thread."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._wake_read, self._wake_write = os.pipe()
        self._lock = RLock()
        """Held while the wake-up pipe is used or closed: a reader that ends by itself may close it while another thread wakes it.
        Reentrant, because a signal may interrupt the thread that holds it."""

    def read(self, count: int) -> bytes:
        """Return 1 to ``count`` bytes; empty at the end or after ``interrupt``."""
        ready, _, _ = select.select([self._descriptor, self._wake_read], [], [])
        return b"" if self._wake_read in ready else os.read(self._descriptor, count)

    def interrupt(self) -> None:
        """End the current and all later reads."""
        with self._lock:
            if self._wake_write >= 0:
                os.write(self._wake_write, b"x")

    def close(self) -> None:
        """Free the wake-up pipe; the descriptor itself belongs to the caller."""
        with self._lock:
            descriptors = (self._wake_read, self._wake_write)
            self._wake_read = self._wake_write = -1
            for descriptor in descriptors:
                if descriptor >= 0:
                    os.close(descriptor)


class _PipeReader(Reader):
    """What both kinds of pipe readers share."""

    def __init__(self, spec: str, pipe: Pipe, stamp: Callable[[], float | None]) -> None:
        self.spec = spec
        self._pipe = pipe
        self._stamp = stamp
        self._index = 0
        self._closed = False

    def interrupt(self) -> None:
        """End a waiting read."""
        if not self._closed:
            self._pipe.interrupt()

    def close(self) -> None:
        """Free the wake-up pipe."""
        if not self._closed:
            self._closed = True
            self._pipe.close()

    def _unreadable(self, message: str) -> Unreadable:
        self._index += 1
        return Unreadable(self._index - 1, self.spec, message)


class JpegPipeReader(_PipeReader):
    """Decodes the JPEGs of a pipe as BGR frames."""

    description = "JPEGs on standard input"

    def __init__(self, spec: str, pipe: Pipe, stamp: Callable[[], float | None], wanted: CaptureRequest = ANY) -> None:
        super().__init__(spec, pipe, stamp)
        self._wanted = wanted
        self._splitter = JpegSplitter()
        self._waiting: deque[bytes] = deque()
        self._size: tuple[int, int] | None = None
        self._reduced = 1
        self._ended = False

    def read(self) -> Frame | Unreadable | None:
        """Return the next frame, or what is wrong with it. Raises BadInput if the input holds no JPEGs."""
        while not self._waiting and not self._ended:
            data = self._pipe.read(_CHUNK)
            self._waiting.extend(self._splitter.feed(data) if data else self._finish())
            if not self._waiting and not self._index and self._splitter.skipped > _PATIENCE:
                raise BadInput(f"no JPEG found on standard input; {HOW}")
        return self._decode(self._waiting.popleft()) if self._waiting else None

    def _finish(self) -> list[bytes]:
        self._ended = True
        rest = self._splitter.rest()
        if not rest and not self._index and not self._closed:
            raise BadInput(f"standard input ended without a JPEG; {HOW}")
        return [rest] if rest else []

    def _decode(self, data: bytes) -> Frame | Unreadable:
        try:
            frame = decode.decode(data, f"JPEG {self._index} on standard input", self._reduction(data))
        except BadImage as error:
            return self._unreadable(str(error))
        found = replace(frame, index=self._index, captured_at=self._stamp(), source=self.spec)
        self._index += 1
        return found

    def _reduction(self, data: bytes) -> int:
        size = jpeg_size(data)
        if size is not None and size != self._size:
            self._size = size
            # EXIF orientation may rotate the image by 90 degrees: use a factor that is right both ways.
            self._reduced = min(reduction(*size, self._wanted), reduction(*size[::-1], self._wanted))
        return self._reduced


class RawPipeReader(_PipeReader):
    """Splits a pipe into uncompressed frames of one size."""

    def __init__(self, spec: str, pipe: Pipe, stamp: Callable[[], float | None], where: Layout) -> None:
        super().__init__(spec, pipe, stamp)
        self._layout = where
        self.description = f"raw frames of {where.bytes} bytes on standard input"

    def read(self) -> Frame | Unreadable | None:
        """Return the next frame; one truncated at the end is unreadable."""
        data = bytearray()
        while len(data) < self._layout.bytes:
            part = self._pipe.read(self._layout.bytes - len(data))
            if not part:
                return self._end(len(data))
            data += part
        picture, order = pixels(np.frombuffer(data, np.uint8), self._layout)
        frame = Frame(picture, order, self._index, self._stamp(), self.spec)
        self._index += 1
        return frame

    def _end(self, count: int) -> Unreadable | None:
        if count == 0 and self._index == 0 and not self._closed:
            raise BadInput("standard input ended before the first frame")
        if count == 0:
            return None
        wrong = f"frame {self._index} on standard input has {count} of {self._layout.bytes} bytes"
        return self._unreadable(f"{wrong}: truncated, or the size is not {self._layout.width}x{self._layout.height}")


def open_stdin(
    spec: str, clock: Clock = SYSTEM, wanted: CaptureRequest = ANY, live: bool = False, descriptor: int | None = None
) -> Source:
    """Open ``-`` or ``raw:WIDTHxHEIGHT:FORMAT``. Raises BadInput.

    ``live``: keep only the newest frame and stamp it with a time; otherwise deliver every frame and let the pipe wait.
    """
    if descriptor is None:
        descriptor = sys.stdin.fileno()
    if os.isatty(descriptor):
        raise BadInput(f"standard input is a terminal; {HOW}")
    where = None if spec == "-" else _layout(spec)
    stamp = clock.monotonic if live else _no_time
    pipe = Pipe(descriptor)
    reader = JpegPipeReader(spec, pipe, stamp, wanted) if where is None else RawPipeReader(spec, pipe, stamp, where)
    return NewestFrame(reader, _FOREVER_S) if live else EveryFrame(reader)


def _layout(spec: str) -> Layout:
    match = _RAW.fullmatch(spec)
    if match is None:
        raise BadInput(f"invalid raw format {spec!r}; use raw:WIDTHxHEIGHT:FORMAT, such as raw:640x480:rgb24")
    width, height, name = match.groups()
    if not 1 <= len(width) <= 5 or not 1 <= len(height) <= 5:
        raise BadInput(f"invalid size {width}x{height} in {spec!r}: each side must be 1 to 99999 pixels")
    if int(width) * int(height) > DEFAULT_MAX_PIXELS:
        raise BadInput(
            f"invalid size {width}x{height} in {spec!r}: a frame may have at most {DEFAULT_MAX_PIXELS} pixels"
        )
    return layout(name, int(width), int(height))


def _no_time() -> None:
    return None
