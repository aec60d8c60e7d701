"""Which outputs of a detector hold boxes, scores and mask coefficients, told by their numbers of channels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from .cells import cells_of
from .parts import Level

if TYPE_CHECKING:
    from .layout import OutputView
    from .tables import Table


def levels_of(
    groups: Sequence[Sequence[Table]], box_channels: int, extra_channels: int, view: OutputView
) -> list[Level] | None:
    """Return the grids, whose places, scores and extra values (if any) are outputs of their own; None if they are not.

    ``groups``: the outputs of each grid.
    """
    found = []
    for tables in groups:
        level = _level(tables, box_channels, extra_channels, view)
        if level is None:
            return None
        found.append(level)
    classes = {level.scores.channels.stop for level in found}
    return found if len(classes) == 1 else None


def _level(tables: Sequence[Table], box_channels: int, extra_channels: int, view: OutputView) -> Level | None:
    boxes = [table for table in tables if table.rows.channels == box_channels]
    extra = [table for table in tables if extra_channels and table.rows.channels == extra_channels]
    scores = [table for table in tables if table not in boxes and table not in extra]
    if (len(boxes), len(scores), len(extra)) != (1, 1, int(extra_channels > 0)) or boxes[0].rows.per_cell != 1:
        return None
    return Level(
        boxes[0].part(),
        scores[0].part(),
        extra=extra[0].part() if extra else None,
        cells=cells_of(view.width, view.height, boxes[0].rows.strides),
    )
