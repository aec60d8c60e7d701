"""YOLO without objectness: per box center, size and one score per class, as YOLOv8, YOLO11, YOLO12 and YOLO26 export it.

Source of the format: the outputs of Ultralytics' exporter for TFLite, [1, 4 + classes, boxes], and OpenMV's [1, 5, 756].
"""

from __future__ import annotations

from .box_code import CenterCode
from .box_unit import refuse_coarse_scores
from .grid import find_rows
from .grid_layout import GridLayout
from .layout import OutputView
from .parts import Level, part
from .ultralytics_metadata import exported_task

NAME = "yolo"
TITLE = "one output [1, 4 + classes, boxes] or [1, boxes, 4 + classes] with center, size and class scores (YOLOv8, 11, 12, 26)"
FIRST = 4
"""Numbers of a box before its scores."""


def recognize(view: OutputView, forced: bool = False) -> GridLayout | None:
    """Return the layout if the only output has one box per cell and at least one class."""
    if len(view.outputs) != 1 or not (forced or exported_task(view.facts.files) in (None, "detect")):
        return None
    spec = view.outputs[0]
    rows = find_rows(spec, view.width, view.height, forced)
    if rows is None or rows.channels <= FIRST or (rows.per_cell == 3 and not forced):
        return None
    refuse_coarse_scores(spec)
    level = Level(part(0, spec, rows, 0, FIRST), part(0, spec, rows, FIRST, rows.channels))
    return GridLayout(NAME, [level], CenterCode(spec, view.width, view.height), logits=False)
