"""YOLO for rotated boxes: per box center, size, a score per class, and the angle. Read as upright boxes around them.

Source of the format: Ultralytics' exporter, [1, 4 + classes + 1, boxes] with the angle in radians.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from .box_code import CenterCode
from .box_unit import refuse_coarse_scores
from .grid import find_rows
from .grid_layout import GridLayout
from .layout import Candidates, OutputView
from .parts import Level, part
from .ultralytics_metadata import exported_task

if TYPE_CHECKING:
    from ..types import Tensor

NAME = "yolo-obb"
TITLE = (
    "one output [1, 5 + classes, boxes] with center, size, class scores and angle (YOLOv8-obb, YOLO11-obb); rotated boxes are "
    "read as the upright boxes around them"
)
FIRST = 4
"""Numbers of a box before its scores."""


def recognize(view: OutputView, forced: bool = False) -> YoloObbLayout | None:
    """Return the layout if the exporter says so."""
    if len(view.outputs) != 1 or (exported_task(view.facts.files) != "obb" and not forced):
        return None
    spec = view.outputs[0]
    rows = find_rows(spec, view.width, view.height, forced)
    if rows is None or rows.channels <= FIRST + 1:
        return None
    refuse_coarse_scores(spec)
    level = Level(
        part(0, spec, rows, 0, FIRST),
        part(0, spec, rows, FIRST, rows.channels - 1),
        extra=part(0, spec, rows, rows.channels - 1, rows.channels),
    )
    return YoloObbLayout(NAME, [level], CenterCode(spec, view.width, view.height), logits=False)


class YoloObbLayout(GridLayout):
    """Reads rotated boxes as the upright boxes around them."""

    def read(self, outputs: Sequence[Tensor], limit: float) -> Candidates:
        """Return the boxes with a score of at least ``limit``."""
        found, angles = self.reader.read(outputs, limit)
        return found._replace(boxes=around(found.boxes, angles))


def around(boxes: np.ndarray, angles: np.ndarray) -> np.ndarray:
    """Return the upright boxes around boxes rotated about their centers; (n, 4) and (n, 1), in radians."""
    sides, cos, sin = boxes[:, 2:] - boxes[:, :2], np.abs(np.cos(angles)), np.abs(np.sin(angles))
    middles, halves = (boxes[:, :2] + boxes[:, 2:]) / 2, (sides * cos + sides[:, ::-1] * sin) / 2
    return np.hstack([middles - halves, middles + halves])
