"""NanoDet and PicoDet: per box scores, and 4 x 8 logits of distances.

Source of the format: the exporters of NanoDet, [1, boxes, classes + 32], and of PicoDet, [1, boxes, classes] and
[1, boxes, 32] for each grid. Distances start in the middle of a cell, but at its corner in NanoDet-Plus.
"""

from __future__ import annotations

from .box_code import DistributionCode
from .cells import cells_of
from .grid_layout import GridLayout
from .head_roles import levels_of
from .layout import OutputView
from .parts import Level
from .score_scale import refuse_coarse_probabilities
from .tables import Table, by_grid, find_tables
from .yolo_distribution import COCO_CLASSES

NAME = "nanodet"
TITLE = (
    "one output [1, boxes, classes + 32], or scores [1, boxes, classes] and distances [1, boxes, 32] for each grid "
    "(NanoDet, PicoDet)"
)
CHANNELS = 32
"""Numbers of a box: 8 logits for each side."""
PLUS_STRIDE = 64
"""The coarsest grid of NanoDet-Plus, which NanoDet does not have."""


def recognize(view: OutputView, forced: bool = False) -> GridLayout | None:
    """Return the layout if one output of each grid has 32 channels, or if the labels leave 32 channels for the boxes."""
    tables = find_tables(view)
    levels, middle = None, 0.5
    if len(tables) == 1:
        classes = view.labels or COCO_CLASSES
        if forced or tables[0].rows.channels == CHANNELS + classes:
            levels = _joined(tables[0], view)
            middle = 0.0 if PLUS_STRIDE in tables[0].rows.strides else 0.5
    elif len(groups := by_grid(tables)) > 1:
        levels = levels_of(groups, CHANNELS, 0, view)
    if not levels:
        return None
    for level in levels:
        refuse_coarse_probabilities(level)
    return GridLayout(NAME, levels, DistributionCode(middle))


def _joined(table: Table, view: OutputView) -> list[Level] | None:
    """Return the grids of an output that holds the scores first, and then the boxes."""
    classes = table.rows.channels - CHANNELS
    if classes <= 0 or table.rows.per_cell != 1:
        return None
    cells = cells_of(view.width, view.height, table.rows.strides)
    return [Level(table.part(classes), table.part(0, classes), cells=cells)]
