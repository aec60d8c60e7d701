"""YOLO before its boxes are decoded: per box 4 x 16 logits of distances, and one score per class.

Source of the format: the heads of YOLOv8 to YOLO12 (Ultralytics) and YOLOv9, as Coral and Frigate use them: [1, boxes, 64]
and [1, boxes, classes], or such outputs for each grid.
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

NAME = "yolo-distribution"
TITLE = (
    "boxes [1, boxes, 64] and scores [1, boxes, classes], or [1, height, width, 64] and [1, height, width, classes] for each "
    "grid, or both in one output (YOLOv9 for Coral, YOLOv8 without its last layers)"
)
CHANNELS = 64
"""Numbers of a box: 16 logits for each side."""
COCO_CLASSES = 80


def recognize(view: OutputView, forced: bool = False) -> GridLayout | None:
    """Return the layout if one output of each grid has 64 channels, or if the labels leave 64 channels for the boxes."""
    tables = find_tables(view)
    groups = by_grid(tables)
    levels = levels_of(groups, CHANNELS, 0, view) if len(tables) > 1 else None
    if not levels and all(len(group) == 1 for group in groups):
        classes = view.labels or COCO_CLASSES
        if forced or all(table.rows.channels == CHANNELS + classes for table in tables):
            levels = _joined(tables, view)
    if not levels:
        return None
    for level in levels:
        refuse_coarse_probabilities(level)
    return GridLayout(NAME, levels, DistributionCode())


def _joined(tables: list[Table], view: OutputView) -> list[Level] | None:
    """Return grids whose outputs hold the boxes first, and then the scores."""
    if any(table.rows.channels <= CHANNELS or table.rows.per_cell != 1 for table in tables):
        return None
    return [
        Level(
            table.part(0, CHANNELS),
            table.part(CHANNELS),
            cells=cells_of(view.width, view.height, table.rows.strides),
        )
        for table in sorted(tables, key=lambda table: table.rows.strides)
    ]
