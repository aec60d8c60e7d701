"""Crops of objects for a classifier: with some of the surroundings, in the shape of its input."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from edgevision.preprocessing.spec import Preprocessing
    from edgevision.types import Frame

    Box = tuple[float, float, float, float]

MARGIN = 0.1
"""Surroundings on each side, as a share of the box. Photos that classifiers learn from show some, and boxes are never exact."""
LEAST_SIDE = 8
"""Smallest width and height of a box in pixels; a smaller one shows nothing that could be recognized."""


def crop(frame: Frame, box: Box, preprocessing: Preprocessing) -> Frame | None:
    """Return the part of a frame around a box; None if the box is too small.

    The part has the aspect ratio of the classifier's input, as far as the frame reaches, so that stretching does not
    distort the object; and what ``preprocessing`` cuts off at the edges is added beforehand.
    """
    width, height = box[2] - box[0], box[3] - box[1]
    if min(width, height) < LEAST_SIDE:
        return None
    aspect = preprocessing.width / preprocessing.height
    kept = preprocessing.crop_fraction if preprocessing.resize == "crop" else 1.0
    tall = max(height, width / aspect) * (1 + 2 * MARGIN) / kept
    left, right = _span((box[0] + box[2]) / 2, tall * aspect, frame.width)
    top, bottom = _span((box[1] + box[3]) / 2, tall, frame.height)
    return replace(frame, pixels=np.ascontiguousarray(frame.pixels[top:bottom, left:right]))


def _span(center: float, length: float, limit: int) -> tuple[int, int]:
    """Return first and end pixel of a stretch around a center, moved into 0 .. limit; at least one pixel."""
    length = min(length, float(limit))
    start = min(max(center - length / 2, 0.0), limit - length)
    first = min(int(start), limit - 1)
    return first, max(first + 1, min(limit, round(start + length)))
