"""Removal or averaging of boxes that stand for the same object (non-maximum suppression)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .layout import Candidates

if TYPE_CHECKING:
    from .layout import Floats, Integers

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


def average_overlapping(candidates: Candidates, iou: float) -> Candidates:
    """Return one candidate, best first, for each group that overlaps a best one by more than ``iou``, whatever its class.

    Boxes and key points are means of the group, weighted by score; score and class are those of the best. Source:
    WEIGHTED of MediaPipe's ``non_max_suppression_calculator.cc``.
    """
    order = np.argsort(-candidates.scores, kind="stable")
    best: list[int] = []
    boxes, points = (
        candidates.boxes.copy(),
        None if candidates.keypoints is None else candidates.keypoints.values.copy(),
    )
    while order.size:
        same = _overlaps(candidates.boxes[order]) > iou
        same[0] = True
        group, first = order[same], int(order[0])
        weights = candidates.scores[group] / candidates.scores[group].sum()
        boxes[first] = weights @ candidates.boxes[group]
        if points is not None and candidates.keypoints is not None:
            points[first] = np.tensordot(weights, candidates.keypoints.values[group], 1)
        best.append(first)
        order = order[~same]
    averaged = candidates._replace(boxes=boxes)
    if points is not None and candidates.keypoints is not None:
        averaged = averaged._replace(keypoints=candidates.keypoints._replace(values=points))
    return averaged.take(np.asarray(best, np.int64))


def _overlaps(boxes: Floats) -> Floats:
    """Return the intersection over union of the first box with each."""
    sides = np.minimum(boxes[0, 2:], boxes[:, 2:]) - np.maximum(boxes[0, :2], boxes[:, :2])
    shared = np.clip(sides, 0.0, None).prod(axis=1)
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
    return np.asarray(shared / np.maximum(areas[0] + areas - shared, 1e-9), np.float32)
