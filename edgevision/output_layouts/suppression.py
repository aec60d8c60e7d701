"""Removal of boxes that stand for the same object (non-maximum suppression)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .layout import Candidates

if TYPE_CHECKING:
    from .layout import Integers

DEFAULT_IOU = 0.45
"""Overlap above which only the better box is kept, if the model card sets none; the value of most YOLO exporters."""


def suppress(candidates: Candidates, order: Integers, iou: float) -> Integers:
    """Return the positions of ``order``, best first, without boxes that overlap a better one of their class."""
    import cv2

    boxes = candidates.boxes[order].astype(np.float64)
    usable = np.isfinite(boxes).all(axis=1)
    order, boxes = order[usable], boxes[usable]
    if order.size < 2:
        return order
    boxes[:, 2:] -= boxes[:, :2]  # OpenCV takes left, top, width and height
    # Ranks instead of scores: OpenCV drops scores of 0, and the order of equal ones is not defined.
    ranks = np.arange(order.size, 0, -1, dtype=np.float32)
    classes = candidates.classes[order].astype(np.int32)
    kept = cv2.dnn.NMSBoxesBatched(boxes, ranks, classes, 0.0, iou)  # type: ignore[arg-type]  # arrays are sequences, too
    return order[np.sort(np.asarray(kept, np.int64).reshape(-1))]
