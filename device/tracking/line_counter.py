"""Counts the tracks that cross a line, in both directions."""

from __future__ import annotations

from math import hypot
from typing import TYPE_CHECKING, Literal

from edgevision.types import LineCount

from .foot import foot, margin

if TYPE_CHECKING:
    from .shapes import CountLine
    from .track import Box

Direction = Literal["forward", "backward"]
_TOLERANCE = 1e-3
"""How far beyond its ends a line still counts, as a share of its length: a line to the edge of the frame has to end there."""


class LineCounter:
    """Remembers on which side each track was last, clear of the line, so that an object that stands on it is not counted."""

    def __init__(self, line: CountLine) -> None:
        self.line = line
        self.forward = self.backward = 0
        self._last: dict[int, tuple[bool, float, float]] = {}
        """Track -> whether it was on the right, and where in pixels."""

    def see(self, track: int, box: Box, size: tuple[int, int]) -> Direction | None:
        """Note where a track is; return the direction if it crossed the line. ``size``: width and height of the frame."""
        (x0, y0), (x1, y1) = ((x * size[0], y * size[1]) for x, y in (self.line.start, self.line.end))
        x, y = foot(box)
        aside = ((x1 - x0) * (y - y0) - (y1 - y0) * (x - x0)) / hypot(x1 - x0, y1 - y0)
        if abs(aside) <= margin(box, size):
            return None
        right = aside > 0
        before = self._last.get(track)
        self._last[track] = right, x, y
        if before is None or before[0] == right or not _meets((x0, y0), (x1, y1), before[1:], (x, y)):
            return None
        self.forward += right
        self.backward += not right
        return "forward" if right else "backward"

    def forget(self, track: int) -> None:
        """Forget a track that ended."""
        self._last.pop(track, None)

    @property
    def count(self) -> LineCount:
        """What crossed the line so far."""
        line = self.line
        return LineCount(line.name, line.start, line.end, self.forward, self.backward)


Pixel = tuple[float, float]


def _meets(start: Pixel, end: Pixel, before: Pixel, now: Pixel) -> bool:
    """Return whether the way from ``before`` to ``now``, which changes sides, leads through the line and not around it."""
    along, way = (end[0] - start[0], end[1] - start[1]), (now[0] - before[0], now[1] - before[1])
    across = along[0] * way[1] - along[1] * way[0]
    if across == 0:
        return False
    share = ((before[0] - start[0]) * way[1] - (before[1] - start[1]) * way[0]) / across
    return -_TOLERANCE <= share <= 1 + _TOLERANCE
