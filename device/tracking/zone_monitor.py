"""Knows which tracks are in a zone, and for how long."""

from __future__ import annotations

from math import hypot
from typing import TYPE_CHECKING, NamedTuple

from edgevision.types import ZoneOccupancy

from .foot import foot, margin

if TYPE_CHECKING:
    from .shapes import Point, Zone
    from .track import Box


class ZoneChange(NamedTuple):
    """A track that entered or left."""

    entered: bool
    duration_s: float | None = None
    """How long it was inside, in seconds; None: it entered."""


class ZoneMonitor:
    """A track enters when its foot is inside and leaves when that is clear of the edge, or when the track ends."""

    def __init__(self, zone: Zone) -> None:
        self.zone = zone
        self._since: dict[int, float] = {}
        """Track inside -> when it entered, in seconds."""

    def see(self, track: int, box: Box, size: tuple[int, int], at: float) -> ZoneChange | None:
        """Note where a track is at a time in seconds; return what changed. ``size``: width and height of the frame."""
        where = foot(box)
        corners = [(x * size[0], y * size[1]) for x, y in self.zone.corners]
        inside = _contains(corners, where)
        if track not in self._since:
            if not inside:
                return None
            self._since[track] = at
            return ZoneChange(entered=True)
        if inside or _distance(corners, where) <= margin(box, size):
            return None
        return self.forget(track, at)

    def forget(self, track: int, at: float) -> ZoneChange | None:
        """Note that a track ended, and was seen last at a time in seconds; return what changed."""
        since = self._since.pop(track, None)
        return None if since is None else ZoneChange(entered=False, duration_s=round(max(0.0, at - since), 3))

    @property
    def occupancy(self) -> ZoneOccupancy:
        """What is inside now."""
        return ZoneOccupancy(self.zone.name, self.zone.corners, tuple(self._since))


def _contains(corners: list[Point], point: Point) -> bool:
    """Return whether a point is in a polygon: a ray from it crosses an odd number of edges."""
    x, y = point
    inside = False
    for (x0, y0), (x1, y1) in zip(corners, (*corners[1:], corners[0]), strict=True):
        if (y0 > y) != (y1 > y) and x < x0 + (y - y0) / (y1 - y0) * (x1 - x0):
            inside = not inside
    return inside


def _distance(corners: list[Point], point: Point) -> float:
    """Return the distance of a point from the edge of a polygon."""
    x, y = point
    nearest = float("inf")
    for (x0, y0), (x1, y1) in zip(corners, (*corners[1:], corners[0]), strict=True):
        dx, dy = x1 - x0, y1 - y0
        length = dx * dx + dy * dy
        share = min(1.0, max(0.0, ((x - x0) * dx + (y - y0) * dy) / length)) if length else 0.0
        nearest = min(nearest, hypot(x - x0 - share * dx, y - y0 - share * dy))
    return nearest
