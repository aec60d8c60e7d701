"""Objects of a frame in pixels of a resized one."""

from __future__ import annotations

from dataclasses import replace

from ..types import Detection


def scaled(found: Detection, across: float, down: float) -> Detection:
    """Return an object in a frame resized by these factors. Masks cover the whole frame and stay the same."""
    x0, y0, x1, y1 = found.box
    return replace(
        found,
        box=(x0 * across, y0 * down, x1 * across, y1 * down),
        keypoints=tuple(replace(point, x=point.x * across, y=point.y * down) for point in found.keypoints),
    )
