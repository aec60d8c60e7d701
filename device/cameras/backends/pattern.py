"""``test:``: a moving test pattern that is always available, to try the loop without a camera."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import cv2
import numpy as np

from edgevision.errors import BadInput
from edgevision.types import Frame

from ...stream.protocols import Reader
from ...stream.request import ANY, CaptureRequest
from ...system.clock import SYSTEM, Clock
from ..wrappers.reader_thread import EveryFrame, NewestFrame

if TYPE_CHECKING:
    from edgevision.types import Pixels

    from ...stream.protocols import Source

WIDTH, HEIGHT, FPS = 640, 480, 30.0
_SPEC = re.compile(r"test:(?:(?P<width>\d+)x(?P<height>\d+))?(?:@(?P<fps>\d+(?:\.\d+)?|fast))?")
_COLORS_BGR = ((40, 40, 40), (200, 60, 40), (60, 160, 60), (40, 60, 200), (60, 190, 200), (200, 200, 200))
_SIDES = range(16, 4097)
_RATES_FPS = (0.1, 1000.0)


class PatternReader(Reader):
    """Color bars, a circling disc and a binary counter in BGR; without a rate, as fast as it is read."""

    def __init__(self, spec: str, width: int, height: int, fps: float | None, clock: Clock = SYSTEM) -> None:
        self.spec = spec
        rate = f"at {fps:g} frames/s" if fps else "as fast as it is read"
        self.description = f"a moving test pattern, {width}x{height} {rate}"
        self._background = _bars(width, height)
        self._period_s = 1.0 / fps if fps else None
        self._clock = clock
        self._index = 0
        self._due: float | None = None

    def read(self) -> Frame:
        """Return the next image when it is due."""
        captured_at = self._wait() if self._period_s else None
        pixels = self._background.copy()
        height, width = pixels.shape[:2]
        angle = self._index * 0.05
        center = (int(width * (0.5 + 0.35 * np.cos(angle))), int(height * (0.5 + 0.35 * np.sin(angle))))
        cv2.circle(pixels, center, max(2, height // 8), (0, 140, 255), -1)
        _count(pixels, self._index)
        frame = Frame(pixels, "BGR", self._index, captured_at, self.spec)
        self._index += 1
        return frame

    def close(self) -> None:
        """Do nothing: no resource is held."""

    def _wait(self) -> float:
        """Sleep until the next frame is due; a late reader restarts the schedule instead of catching up."""
        assert self._period_s is not None
        now = self._clock.monotonic()
        if self._due is None or now > self._due + self._period_s:
            self._due = now
        if self._due > now:
            self._clock.sleep(self._due - now)
        self._due += self._period_s
        return self._clock.monotonic()


def open_pattern(spec: str, clock: Clock = SYSTEM, wanted: CaptureRequest = ANY) -> Source:
    """Open ``test:``, ``test:1280x720``, ``test:1280x720@15`` or ``test:@fast``. Raises BadInput."""
    text = "test:@fast" if spec == "test:fast" else spec
    match = _SPEC.fullmatch(text)
    if match is None:
        raise BadInput(
            f"invalid test pattern {spec!r}; use test:, test:fast or a size and rate such as test:1280x720@15"
        )
    default = wanted.size or (WIDTH, HEIGHT)
    width, height = int(match["width"] or default[0]), int(match["height"] or default[1])
    if width not in _SIDES or height not in _SIDES:
        raise BadInput(
            f"invalid size {width}x{height} in {spec!r}: each side must be {_SIDES.start} to {_SIDES.stop - 1} pixels"
        )
    if match["fps"] == "fast":
        return EveryFrame(PatternReader(spec, width, height, None, clock))
    fps = float(match["fps"] or wanted.fps or FPS)
    if not _RATES_FPS[0] <= fps <= _RATES_FPS[1]:
        raise BadInput(f"invalid rate {fps:g} in {spec!r}: it must be {_RATES_FPS[0]:g} to {_RATES_FPS[1]:g} frames/s")
    return NewestFrame(PatternReader(spec, width, height, fps, clock))


def _count(pixels: Pixels, index: int) -> None:
    """Draw the frame number as 16 bits along the bottom edge: every frame differs, and a program can read it."""
    height, width = pixels.shape[:2]
    side = max(1, min(width // 16, height // 12))
    for bit in range(16):
        pixels[height - side :, bit * side : (bit + 1) * side] = 255 if index >> (15 - bit) & 1 else 0


def _bars(width: int, height: int) -> Pixels:
    columns = np.arange(width) * len(_COLORS_BGR) // width
    colors = np.array(_COLORS_BGR, np.uint8)[columns]
    return np.repeat(colors[np.newaxis], height, axis=0)
