"""Where an object stands: the point of its box that crosses lines and is in zones."""

from __future__ import annotations

from math import hypot, sqrt
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .track import Box

MARGIN = 0.1
"""How far an object has to be on the other side of a line or an edge to count, as a share of its own size."""
LEAST_MARGIN = 0.004
"""The same for points and tiny objects, as a share of the frame's diagonal."""


def foot(box: Box) -> tuple[float, float]:
    """Return the middle of the lower edge of a box, in pixels."""
    return (box[0] + box[2]) / 2, box[3]


def margin(box: Box, size: tuple[int, int]) -> float:
    """Return how far an object has to be beyond a line, in pixels, so that a box that jitters is not counted twice."""
    return max(MARGIN * sqrt((box[2] - box[0]) * (box[3] - box[1])), LEAST_MARGIN * hypot(*size))
