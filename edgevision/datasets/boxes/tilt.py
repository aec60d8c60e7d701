"""Rotated boxes: a slight tilt is a slip of the hand and gives the upright box around it; more is refused."""

from __future__ import annotations

from math import cos, radians, sin

from .records import Box

MAX_TILT = 3.0
"""Largest tilt in degrees; the upright box around a square is then 5 % wider."""


def straightened(box: Box, degrees: float, pivot: tuple[float, float], label: str) -> Box:
    """Return the upright box around one that is rotated clockwise about ``pivot``, in pixels (y downwards).

    Raises ValueError for a tilt above MAX_TILT; ``label`` names the box.
    """
    tilt = (degrees + 180) % 360 - 180
    if not tilt:
        return box
    if abs(tilt) > MAX_TILT:
        raise ValueError(f"a box of {label!r} is rotated by {tilt:.4g} degrees; draw it upright")
    x, y = pivot
    c, s = cos(radians(tilt)), sin(radians(tilt))
    corners = [(box[i] - x, box[j] - y) for i in (0, 2) for j in (1, 3)]
    xs = [x + dx * c - dy * s for dx, dy in corners]
    ys = [y + dx * s + dy * c for dx, dy in corners]
    return min(xs), min(ys), max(xs), max(ys)
