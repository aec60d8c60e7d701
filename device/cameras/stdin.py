"""Frames on standard input: JPEGs (``-``), or uncompressed frames of a known size (``raw:640x480:rgb24``)."""

from __future__ import annotations

import os
import re
import select
import sys
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from edgevision import pictures
from edgevision.data import Frame
from edgevision.errors import BadInput, BadPicture

from ..clock import SYSTEM, Clock
from ..items import Unreadable
from .jpeg_splitter import JpegSplitter, jpeg_size
from .newest import NewestFrame
from .prefetch import EveryFrame
from .raw_pixels import Layout, layout, pixels
from .reduction import reduction
from .wanted import ANY, Wanted

if TYPE_CHECKING:
    from ..protocols import Source

_RAW = re.compile(r"raw:(\d+)x(\d+):([A-Za-z0-9]+)")
_CHUNK = 1 << 18
_PATIENCE = 1 << 22
"""So many bytes without the start of a JPEG, and it is no stream of JPEGs."""
_FOREVER_S = 1e7
"""A live pipe may be silent for as long as whoever writes likes."""
HOW = "pipe in JPEGs (one after the other, or multipart), or name what is piped in: raw:640x480:rgb24"


class Pipe:
    """Bytes from a file descriptor; a read can be ended from another thread."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._wake_read, self._wake_write = os.pipe()

    def read(self, count: int) -> bytes:
        """At most so many bytes, at least one; empty at the end, or after ``interrupt``."""
        ready, _, _ = select.select([self._descriptor, self._wake_read], [], [])
        return b"" if self._wake_read in ready else os.read(self._descriptor, count)

    def interrupt(self) -> None:
        """Every read from now on ends."""
        os.write(self._wake_write, b"x")

    def close(self) -> None:
        """Frees what woke the reads; the descriptor itself belongs to somebody else."""
        for descriptor in (self._wake_read, self._wake_write):
            os.close(descriptor)
        self._wake_read = self._wake_write = -1


class _PipeReader:
    """What both kinds of frames have in common."""

    def __init__(self, spec: str, pipe: Pipe, stamp: Callable[[], float | None]) -> None:
        self.spec = spec
        self._pipe = pipe
        self._stamp = stamp
        self._index = 0
        self._closed = False

    def interrupt(self) -> None:
        """Ends a read that waits."""
        if not self._closed:
            self._pipe.interrupt()

    def close(self) -> None:
        """Frees the pipe's helpers."""
        if not self._closed:
            self._closed = True
            self._pipe.close()

    def _unreadable(self, message: str) -> Unreadable:
        self._index += 1
        return Unreadable(self._index - 1, self.spec, message)


class JpegPipeReader(_PipeReader):
    """Decodes the JPEGs of a pipe, BGR."""

    description = "JPEGs on standard input"

    def __init__(self, spec: str, pipe: Pipe, stamp: Callable[[], float | None], wanted: Wanted = ANY) -> None:
        super().__init__(spec, pipe, stamp)
        self._wanted = wanted
        self._splitter = JpegSplitter()
        self._waiting: deque[bytes] = deque()
        self._size: tuple[int, int] | None = None
        self._reduced = 1
        self._ended = False

    def read(self) -> Frame | Unreadable | None:
        """The next frame, or what is wrong with it. Raises BadInput when there are no JPEGs at all."""
        while not self._waiting and not self._ended:
            data = self._pipe.read(_CHUNK)
            self._waiting.extend(self._splitter.feed(data) if data else self._finish())
            if not self._waiting and not self._index and self._splitter.skipped > _PATIENCE:
                raise BadInput(f"there are no JPEGs on standard input; {HOW}")
        return self._decode(self._waiting.popleft()) if self._waiting else None

    def _finish(self) -> list[bytes]:
        self._ended = True
        rest = self._splitter.rest()
        if not rest and not self._index and not self._closed:
            raise BadInput(f"standard input ended without a JPEG; {HOW}")
        return [rest] if rest else []

    def _decode(self, data: bytes) -> Frame | Unreadable:
        try:
            frame = pictures.decode(data, f"JPEG {self._index} on standard input", self._reduction(data))
        except BadPicture as error:
            return self._unreadable(str(error))
        found = replace(frame, index=self._index, captured_at=self._stamp(), source=self.spec)
        self._index += 1
        return found

    def _reduction(self, data: bytes) -> int:
        size = jpeg_size(data)
        if size is not None and size != self._size:
            self._size = size
            # A note in the picture may turn it by 90 degrees: what is right both ways is right.
            self._reduced = min(reduction(*size, self._wanted), reduction(*size[::-1], self._wanted))
        return self._reduced


class RawPipeReader(_PipeReader):
    """Cuts a pipe into uncompressed frames of one size."""

    def __init__(self, spec: str, pipe: Pipe, stamp: Callable[[], float | None], where: Layout) -> None:
        super().__init__(spec, pipe, stamp)
        self._layout = where
        self.description = f"raw frames of {where.bytes} bytes on standard input"

    def read(self) -> Frame | Unreadable | None:
        """The next frame; one that is cut off at the end is unreadable."""
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
        return self._unreadable(f"{wrong}: it was cut off, or is not {self._layout.width}x{self._layout.height}")


def open_stdin(
    spec: str, clock: Clock = SYSTEM, wanted: Wanted = ANY, live: bool = False, descriptor: int | None = None
) -> Source:
    """``-`` or ``raw:WIDTHxHEIGHT:FORMAT``. Raises BadInput.

    ``live``: the newest frame wins and has a time; otherwise every frame is delivered, and the pipe waits.
    """
    if descriptor is None:
        descriptor = sys.stdin.fileno()
    if os.isatty(descriptor):
        raise BadInput(f"standard input is the keyboard; {HOW}")
    where = None if spec == "-" else _layout(spec)
    stamp = clock.monotonic if live else _no_time
    pipe = Pipe(descriptor)
    reader = JpegPipeReader(spec, pipe, stamp, wanted) if where is None else RawPipeReader(spec, pipe, stamp, where)
    return NewestFrame(reader, _FOREVER_S) if live else EveryFrame(reader)


def _layout(spec: str) -> Layout:
    match = _RAW.fullmatch(spec)
    if match is None:
        raise BadInput(f"cannot understand {spec!r}; write raw:WIDTHxHEIGHT:FORMAT, for one raw:640x480:rgb24")
    width, height, name = match.groups()
    if not 1 <= len(width) <= 5 or not 1 <= len(height) <= 5:
        raise BadInput(f"{spec!r} asks for {width}x{height} pixels; a side has at most 99999")
    return layout(name, int(width), int(height))


def _no_time() -> None:
    return None
