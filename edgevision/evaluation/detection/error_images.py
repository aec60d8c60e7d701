"""Images of detection errors: the part of the photo around the boxes, with the true and the predicted box drawn on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from ...preprocessing.spec import Preprocessing
from ...preprocessing.transform import pixels
from ...types import Frame

if TYPE_CHECKING:
    from ...types import Pixels
    from .errors import Box, DetectionError

SIDE = 320
"""Longer side of an image in pixels."""
CONTEXT = 2.0
"""Side of the shown part, in sides of what the boxes cover."""
MIN_SHARE = 0.25
"""Smallest side of the shown part, as a share of the photo's, so that one sees where it is."""
TRUE, PREDICTED = (22, 163, 74), (220, 38, 38)
"""Colors of the boxes: red, green, blue."""
DASH = 10
"""Length of the dashes of the true box in pixels, so that the boxes differ not only in color."""


def draw(frame: Frame, error: DetectionError) -> Frame:
    """Return the part of a photo that an error is about, RGB, with the true box dashed and the predicted one solid."""
    boxes = [box for box in (error.box, error.true_box) if box is not None]
    left, top, right, bottom = _part(frame, boxes)
    scale = SIDE / max(right - left, bottom - top)
    width, height = max(1, round((right - left) * scale)), max(1, round((bottom - top) * scale))
    part = Frame(np.ascontiguousarray(frame.pixels[top:bottom, left:right]), frame.order)
    canvas = np.ascontiguousarray(pixels(part, Preprocessing(width, height, resize="stretch")))
    for box, color, dashed in ((error.true_box, TRUE, True), (error.box, PREDICTED, False)):
        if box is not None:
            corners = [round((v - start) * scale) for v, start in zip(box, (left, top, left, top), strict=True)]
            x0, y0, x1, y1 = (min(max(v, 1), limit - 2) for v, limit in zip(corners, (width, height) * 2, strict=True))
            _rectangle(canvas, (x0, y0, x1, y1), color, dashed)
    return Frame(canvas, "RGB")


def _part(frame: Frame, boxes: list[Box]) -> tuple[int, int, int, int]:
    """Return left, top, right and bottom of the part of the photo to show, in its pixels."""
    edges = np.array(boxes)
    low, high = edges[:, :2].min(axis=0), edges[:, 2:].max(axis=0)
    limits = np.array([frame.width, frame.height])
    side = max(float((high - low).max()) * CONTEXT, MIN_SHARE * max(limits))
    sides = np.minimum(side, limits)
    start = np.clip((low + high - sides) / 2, 0, limits - sides)
    (left, top), (right, bottom) = np.floor(start).astype(int), np.ceil(start + sides).astype(int)
    return int(left), int(top), min(int(right), frame.width), min(int(bottom), frame.height)


def _rectangle(canvas: Pixels, box: tuple[int, int, int, int], color: tuple[int, int, int], dashed: bool) -> None:
    """Draw a rectangle with a dark outline, so that it is seen on any background."""
    x0, y0, x1, y1 = box
    cv2.rectangle(canvas, (x0, y0), (x1, y1), (0, 0, 0), 4)
    if not dashed:
        cv2.rectangle(canvas, (x0, y0), (x1, y1), color, 2)
        return
    for x in range(x0, x1 + 1, 2 * DASH):
        for y in (y0, y1):
            cv2.line(canvas, (x, y), (min(x + DASH, x1), y), color, 2)
    for y in range(y0, y1 + 1, 2 * DASH):
        for x in (x0, x1):
            cv2.line(canvas, (x, y), (x, min(y + DASH, y1)), color, 2)
