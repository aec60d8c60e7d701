"""Whether objects are those of an independent decoding: IoU 0.95 and score 0.02, one by one."""

from __future__ import annotations

from collections.abc import Sequence

from edgevision.types import Detection

MIN_IOU, MAX_SCORE = 0.95, 0.02
TINY = 2.0
"""Sides (pixels) below which rounding alone changes the overlap."""

Expected = tuple[int, float, Sequence[float]]
"""Class, score, and corners in pixels of the frame, not clipped."""


def same_objects(found: Sequence[Detection], expected: Sequence[Expected], width: int, height: int) -> None:
    """Fail unless each object has its own counterpart, and no further one is expected in the frame."""
    rest = []
    for index, score, (x0, y0, x1, y1) in expected:
        box = (max(0.0, x0), max(0.0, y0), min(float(width), x1), min(float(height), y1))
        if box[2] - box[0] > TINY and box[3] - box[1] > TINY:
            rest.append((index, score, box))
    for one in found:
        if min(one.box[2] - one.box[0], one.box[3] - one.box[1]) <= TINY:
            continue
        best = max(rest, key=lambda other: (other[0] == one.index) * iou(one.box, other[2]), default=None)
        assert best is not None, f"{one} is not expected"
        assert best[0] == one.index and iou(one.box, best[2]) >= MIN_IOU, (one, best)
        assert abs(best[1] - one.score) <= MAX_SCORE, (one, best)
        rest.remove(best)
    assert not rest, f"not found: {rest}"


def iou(one: Sequence[float], other: Sequence[float]) -> float:
    """Return the intersection over union of two boxes."""
    across = max(0.0, min(one[2], other[2]) - max(one[0], other[0]))
    down = max(0.0, min(one[3], other[3]) - max(one[1], other[1]))
    areas = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (one, other))
    return across * down / max(1e-9, areas - across * down)
