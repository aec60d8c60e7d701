"""YOLOX: per box center, size, objectness and one score per class, one box per cell; places are often relative to the cell.

Source of the format: YOLOX's exporter, [1, boxes, 5 + classes], with or without ``--decode_in_inference``: without it, x and
y count in cells from the cell's corner, and sizes are logarithms of cells. Conversions keep an output for each grid.
"""

from __future__ import annotations

from .box_unit import refuse_coarse_scores
from .cells import cells_of
from .fitting_code import CENTERED, OFFSETS, FittingCode
from .grid_layout import GridLayout
from .layout import OutputView
from .parts import Level
from .tables import Table, find_tables
from .ultralytics_metadata import describe

NAME = "yolox"
TITLE = (
    "one output [1, boxes, 5 + classes], or one [1, height, width, 5 + classes] for each grid, with center, size, objectness "
    "and class scores, one box per cell (YOLOX)"
)
BOX, FIRST = 4, 5
"""Numbers of a box, and those before its class scores; the last of these is the objectness."""


def recognize(view: OutputView, forced: bool = False) -> GridLayout | None:
    """Return the layout if the only output lists boxes with five numbers and at least one class, one box per cell.

    A single grid, or an output for each, is only taken for it if the number of labels fits: others have such outputs, too.
    """
    tables = sorted(find_tables(view), key=lambda table: table.rows.strides)
    channels = {table.rows.channels for table in tables}
    if len(channels) != 1 or min(channels) <= FIRST or any(table.rows.per_cell != 1 for table in tables):
        return None
    if len({table.rows.strides for table in tables}) != len(tables):
        return None
    sure = view.labels > 0 and channels == {FIRST + view.labels}
    plain = len(tables) == 1 and len(tables[0].rows.strides) > 1 and not tables[0].rows.channels_first
    if not forced and (describe(view.facts.files) is not None or not (sure or plain)):
        return None
    for table in tables:
        refuse_coarse_scores(table.spec)
    levels = [_level(table, view) for table in tables]
    return GridLayout(NAME, levels, FittingCode(OFFSETS | CENTERED, view.width, view.height))


def _level(table: Table, view: OutputView) -> Level:
    cells = cells_of(view.width, view.height, table.rows.strides)
    return Level(table.part(0, BOX), table.part(FIRST), table.part(BOX, FIRST), cells=cells)
