"""Scale a prediction along with its frame."""

from __future__ import annotations

from dataclasses import replace

from ..types import Detection, Point, Prediction


def scaled(prediction: Prediction, across: float, down: float) -> Prediction:
    """Return a prediction for a frame resized by these factors. Masks cover the whole frame and stay the same."""
    return replace(
        prediction,
        objects=tuple(_object(found, across, down) for found in prediction.objects),
        points=tuple(_point(found, across, down) for found in prediction.points),
    )


def _object(found: Detection, across: float, down: float) -> Detection:
    x0, y0, x1, y1 = found.box
    return replace(
        found,
        box=(x0 * across, y0 * down, x1 * across, y1 * down),
        keypoints=tuple(replace(point, x=point.x * across, y=point.y * down) for point in found.keypoints),
    )


def _point(found: Point, across: float, down: float) -> Point:
    return replace(found, x=found.x * across, y=found.y * down)
