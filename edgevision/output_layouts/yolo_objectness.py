"""YOLO with objectness: per box center, size, the score that it is an object, and one score per class.

Source of the format: the TFLite exporter of YOLOv5, [1, boxes, 5 + classes], three boxes per cell.
"""

from __future__ import annotations

from .box_code import CenterCode
from .box_unit import refuse_coarse_scores
from .grid import find_rows
from .grid_layout import GridLayout
from .layout import OutputView
from .parts import Level, part
from .ultralytics_metadata import describe

NAME = "yolo-objectness"
TITLE = (
    "one output [1, boxes, 5 + classes] or [1, 5 + classes, boxes] with center, size, objectness and class scores "
    "(YOLOv5, YOLOv7)"
)
FIRST = 5
"""Numbers of a box before its class scores; the last of them is the objectness."""


def recognize(view: OutputView, forced: bool = False) -> GridLayout | None:
    """Return the layout if the only output has three boxes per cell and at least one class.

    What the package of Ultralytics exports has no objectness; the exporter of YOLOv5 writes no author.
    """
    if len(view.outputs) != 1 or (not forced and describe(view.facts.files) is not None):
        return None
    spec = view.outputs[0]
    rows = find_rows(spec, view.width, view.height, forced)
    if rows is None or rows.channels <= FIRST or (rows.per_cell == 1 and not forced):
        return None
    refuse_coarse_scores(spec)
    level = Level(
        part(0, spec, rows, 0, FIRST - 1),
        part(0, spec, rows, FIRST, rows.channels),
        objectness=part(0, spec, rows, FIRST - 1, FIRST),
    )
    return GridLayout(NAME, [level], CenterCode(spec, view.width, view.height), logits=False)
