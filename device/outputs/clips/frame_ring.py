"""The last seconds of encoded frames, bounded in time and in memory."""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

ROUNDING_S = 0.001


class ClipFrame(NamedTuple):
    """A frame as JPEG."""

    at_s: float
    """Capture time in seconds from an arbitrary start."""
    wall_s: float
    """Capture time in seconds since 1970."""
    jpeg: bytes


class FrameRing:
    """Holds the frames of the last ``seconds``, fewer if they need more than ``max_bytes``."""

    def __init__(self, seconds: float, max_bytes: int) -> None:
        self._seconds, self._max_bytes = seconds, max_bytes
        self._frames: deque[ClipFrame] = deque()
        self.bytes = 0
        """Bytes of the frames held now."""

    def __len__(self) -> int:
        return len(self._frames)

    @property
    def last(self) -> ClipFrame | None:
        """The newest frame."""
        return self._frames[-1] if self._frames else None

    def add(self, frame: ClipFrame) -> None:
        """Add a frame and drop what is too old. A time before that of the last frame begins again."""
        if self._frames and frame.at_s <= self._frames[-1].at_s:
            self._frames.clear()
            self.bytes = 0
        self._frames.append(frame)
        self.bytes += len(frame.jpeg)
        while len(self._frames) > 1 and (
            self._frames[0].at_s < frame.at_s - self._seconds - ROUNDING_S or self.bytes > self._max_bytes
        ):
            self.bytes -= len(self._frames.popleft().jpeg)

    def frames(self) -> list[ClipFrame]:
        """Return all frames, the oldest first."""
        return list(self._frames)
