"""Motion JPEG over HTTP, as sent by many network cameras, read one JPEG at a time.

FFMPEG would complete a truncated image with the rest of the previous one; this reader detects and skips it.
"""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from http.client import HTTPException
from time import monotonic
from typing import TYPE_CHECKING

from edgevision.errors import BadImage, CameraError, CameraLost
from edgevision.preprocessing import decode

from ...stream.protocols import Reader
from ...stream.request import CaptureRequest
from ...system.clock import SYSTEM, Clock
from ..wrappers.jpeg_scale import reduction
from .jpeg_splitter import JpegSplitter, jpeg_size

if TYPE_CHECKING:
    from edgevision.types import Frame

    from .http_client import Answer

_CHUNK = 1 << 16
_BAD = 10
"""Number of consecutive damaged images after which the camera counts as lost."""


class _Ended(CameraLost):
    """Raised when the server ends the stream."""


class MjpegReader(Reader):
    """Reads one stream as BGR frames."""

    def __init__(
        self, shown: str, answer: Answer, wanted: CaptureRequest, timeout_s: float, clock: Clock = SYSTEM
    ) -> None:
        """Read a first image by the answer's deadline. Raises CameraError.

        ``shown``: the URL without secrets. ``timeout_s``: time for each further image, from its start to its end.
        """
        self.spec = shown
        self.damaged = 0
        """Number of images truncated or corrupted in transit."""
        self._answer, self._wanted, self._clock = answer, wanted, clock
        self._timeout_s = timeout_s
        self._splitter = JpegSplitter()
        self._waiting: deque[bytes] = deque()
        self._index = 0
        try:
            first = self._frame()  # passed on only if no other follows: it is stale by the time the loop starts
        except CameraLost as error:
            self.close()
            raise CameraError(f"cannot open {shown}: it {str(error).removeprefix(f'{shown} ')}") from None
        self._index = self.damaged = 0
        self._first: Frame | None = first
        self.description = f"Motion JPEG, {describe(first)}"

    def read(self) -> Frame:
        """Return the next frame, skipping damaged ones. Raises CameraLost."""
        self._answer.link.deadline = monotonic() + self._timeout_s
        first, self._first = self._first, None
        try:
            return self._frame()
        except _Ended:  # some cameras send one image per connection
            if first is None:
                raise
            self._index = 1
            return first

    def _frame(self) -> Frame:
        for _ in range(_BAD):
            data = self._next()
            try:
                frame = decoded(data, self.spec, self._wanted)
            except BadImage:
                self.damaged += 1
                self._index += 1
                continue
            frame = replace(frame, index=self._index, captured_at=self._clock.monotonic(), source=self.spec)
            self._index += 1
            return frame
        raise CameraLost(f"{self.spec} sent only damaged images")

    def interrupt(self) -> None:
        """End a waiting read."""
        self._answer.link.interrupt()

    def close(self) -> None:
        """Close the connection."""
        self._answer.close()

    def _next(self) -> bytes:
        while not self._waiting:
            try:
                data = self._answer.read1(_CHUNK)
            except TimeoutError:
                raise CameraLost(f"{self.spec} sent no complete image in time") from None
            except (OSError, HTTPException, ValueError):  # closed by the server or by us, or not HTTP
                data = b""
            if not data:
                raise _Ended(f"{self.spec} stopped sending after {self._index} frames")
            self._waiting.extend(self._splitter.feed(data))
        return self._waiting.popleft()


def decoded(data: bytes, shown: str, wanted: CaptureRequest) -> Frame:
    """Decode an image of a camera no larger than the model needs. Raises BadImage."""
    size = jpeg_size(data)
    if size is None:
        return decode.decode(data, shown)
    reduced = min(reduction(*size, wanted), reduction(*size[::-1], wanted))
    return decode.decode(data, shown, reduced)


def describe(frame: Frame) -> str:
    """Describe the size of an image as the camera sent it."""
    scaled = f", decoded at 1/{frame.reduced} of its size" if frame.reduced > 1 else ""
    return f"{frame.width * frame.reduced}x{frame.height * frame.reduced}{scaled}"
