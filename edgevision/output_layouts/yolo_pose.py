"""YOLO for poses: per box center, size, a score per class, and the key points of the object.

Source of the format: Ultralytics' exporter, [1, 4 + classes + 3 * points, boxes] with x, y and score of each point, or
2 * points without scores.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from .box_code import CenterCode
from .box_unit import BoxUnit, refuse_coarse_scores
from .coco_keypoints import keypoint_names
from .grid import Rows, find_rows
from .grid_layout import GridLayout
from .layout import CandidateKeypoints, Candidates, OutputView
from .parts import Level, part
from .ultralytics_metadata import describe, exported_task

if TYPE_CHECKING:
    from ..types import Tensor, TensorSpec
    from .layout import Floats

NAME = "yolo-pose"
TITLE = (
    "one output [1, 4 + classes + 3 * points, boxes] or [1, boxes, 4 + classes + 3 * points] with center, size, class scores "
    "and key points (YOLOv8-pose, YOLO11-pose, YOLO26-pose)"
)
FIRST = 4
"""Numbers of a box before its scores."""


def recognize(view: OutputView, forced: bool = False) -> YoloPoseLayout | None:
    """Return the layout if the exporter says so, or if the only output has room for the points of one class."""
    task = exported_task(view.facts.files)
    if len(view.outputs) != 1 or (task not in (None, "pose") and not forced):
        return None
    spec = view.outputs[0]
    rows = find_rows(spec, view.width, view.height, forced)
    if rows is None or (rows.per_cell == 3 and not forced):
        return None
    shape = _shape(view, rows.channels, forced)
    if shape is None:
        return None
    refuse_coarse_scores(spec)
    return YoloPoseLayout(spec, rows, *shape, view)


def _shape(view: OutputView, channels: int, forced: bool) -> tuple[int, int, int] | None:
    """Return the number of classes, of points, and of numbers per point; None if they do not fit."""
    about = describe(view.facts.files)
    if about is not None and about.task == "pose" and about.keypoints is not None:
        points, numbers = about.keypoints
        classes = channels - FIRST - points * numbers
        return (classes, points, numbers) if classes > 0 else None
    classes = max(view.labels, 1) if forced else 1
    left = channels - FIRST - classes
    if left <= 0:
        return None
    if left % 3 == 0:
        return classes, left // 3, 3
    return (classes, left // 2, 2) if forced and left % 2 == 0 else None


class YoloPoseLayout(GridLayout):
    """Reads center, size, class scores and key points."""

    def __init__(self, spec: TensorSpec, rows: Rows, classes: int, points: int, numbers: int, view: OutputView) -> None:
        self._unit = BoxUnit(spec, view.width, view.height)
        self._points, self._numbers = points, numbers
        about = describe(view.facts.files)
        self._names = keypoint_names(points, () if about is None else about.keypoint_names)
        first = FIRST + classes
        level = Level(
            part(0, spec, rows, 0, FIRST),
            part(0, spec, rows, FIRST, first),
            extra=part(0, spec, rows, first, first + points * numbers),
        )
        super().__init__(NAME, [level], CenterCode(spec, view.width, view.height), logits=False)

    def read(self, outputs: Sequence[Tensor], limit: float) -> Candidates:
        """Return the boxes with a score of at least ``limit``, with their key points."""
        found, extra = self.reader.read(outputs, limit)
        values = np.full((extra.shape[0], self._points, 3), np.nan, np.float32)
        values[:, :, : self._numbers] = extra.reshape(-1, self._points, self._numbers)
        values[:, :, :2] = self._places(values[:, :, :2], outputs)
        return found._replace(keypoints=CandidateKeypoints(self._names, values))

    def _places(self, places: Floats, outputs: Sequence[Tensor]) -> Floats:
        """Return points in pixels. Their unit is not always that of the boxes: older exports scale only these."""
        if not self._unit.known:
            self._unit.to_pixels(np.zeros((0, 4), np.float32), self._every_point(outputs))
        flat = places.reshape(-1, 2)
        both = np.hstack([flat, flat])
        return self._unit.to_pixels(both, both)[:, :2].reshape(places.shape)

    def _every_point(self, outputs: Sequence[Tensor]) -> Floats:
        """Return x and y of the points of all boxes."""
        level = self.reader.levels[0]
        assert level.extra is not None
        every = level.extra.real(outputs, np.arange(level.extra.boxes))
        return every.reshape(-1, self._points, self._numbers)[:, :, :2]
