"""YOLO with boxes and scores in outputs of their own, so that each has a quantization of its own.

Source of the format: EdgeFirst's exports, [1, 4, boxes] and [1, classes, boxes].
"""

from __future__ import annotations

from .box_unit import refuse_coarse_scores
from .fitting_code import DECODED, FittingCode
from .grid_layout import GridLayout
from .head_roles import levels_of
from .layout import OutputView
from .tables import by_grid, find_tables

NAME = "yolo-split"
TITLE = "boxes [1, 4, boxes] or [1, boxes, 4] and scores [1, classes, boxes] or [1, boxes, classes], one box per cell"
BOX = 4
"""Numbers of a box."""


def recognize(view: OutputView, forced: bool = False) -> GridLayout | None:
    """Return the layout if there are two outputs, boxes and scores, and their number fits the grids of the input."""
    if len(view.outputs) != 2:
        return None
    levels = levels_of(by_grid(find_tables(view)), BOX, 0, view)
    if not levels or len(levels) != 1:
        return None
    refuse_coarse_scores(levels[0].scores.spec)
    return GridLayout(NAME, levels, FittingCode(DECODED, view.width, view.height))
