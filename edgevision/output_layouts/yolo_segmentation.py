"""YOLO with masks: boxes and scores, coefficients of the masks, and prototypes that all objects share.

Source of the format: Ultralytics' exporter, [1, 4 + classes + 32, boxes] and prototypes at a quarter of the input's size;
YOLOv5-seg has an objectness, too; EdgeFirst splits it into outputs of their own, also one set for each grid.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from .box_code import CenterCode, DistributionCode
from .grid_layout import GridLayout
from .head_roles import levels_of
from .layout import CandidateMasks, Candidates, OutputView
from .parts import Level
from .score_scale import refuse_coarse_probabilities
from .tables import Prototypes, Table, by_grid, find_prototypes, find_tables
from .ultralytics_metadata import exported_task
from .yolo_distribution import CHANNELS as DISTRIBUTION

if TYPE_CHECKING:
    from ..types import Tensor
    from .box_code import BoxCode

NAME = "yolo-segmentation"
TITLE = (
    "one output [1, 4 + classes + masks, boxes] and prototypes [1, height/4, width/4, masks], or boxes, scores and mask "
    "coefficients in outputs of their own (YOLOv8-seg, YOLO11-seg, YOLOv5-seg)"
)
BOX = 4
"""Numbers of a box as center and size."""


def recognize(view: OutputView, forced: bool = False) -> YoloSegmentationLayout | None:
    """Return the layout if there are prototype masks, and boxes with a coefficient for each of them."""
    prototypes = find_prototypes(view)
    if prototypes is None or not (forced or exported_task(view.facts.files) in (None, "segment")):
        return None
    tables = find_tables(view, {prototypes.output})
    found = _one_table(tables[0], prototypes, view) if len(tables) == 1 else _several(tables, prototypes, view)
    if found is None:
        return None
    levels, code = found
    for level in levels:
        refuse_coarse_probabilities(level)
    return YoloSegmentationLayout(levels, code, prototypes)


def _one_table(table: Table, prototypes: Prototypes, view: OutputView) -> tuple[list[Level], BoxCode] | None:
    channels, anchors = table.rows.channels, table.rows.per_cell == 3
    first, last = BOX + anchors, channels - prototypes.masks
    if last <= first:
        return None
    objectness = table.part(BOX, first) if anchors else None
    level = Level(table.part(0, BOX), table.part(first, last), objectness, table.part(last))
    return [level], CenterCode(table.spec, view.width, view.height)


def _several(tables: list[Table], prototypes: Prototypes, view: OutputView) -> tuple[list[Level], BoxCode] | None:
    groups = by_grid(tables)
    levels = levels_of(groups, BOX, prototypes.masks, view)
    if levels and len(levels) == 1:
        return levels, CenterCode(levels[0].boxes.spec, view.width, view.height)
    levels = levels_of(groups, DISTRIBUTION, prototypes.masks, view)
    return (levels, DistributionCode()) if levels else None


class YoloSegmentationLayout(GridLayout):
    """Reads boxes with mask coefficients, and the prototypes."""

    def __init__(self, levels: Sequence[Level], code: BoxCode, prototypes: Prototypes) -> None:
        super().__init__(NAME, levels, code)
        self._prototypes = prototypes

    def read(self, outputs: Sequence[Tensor], limit: float) -> Candidates:
        """Return the boxes with a score of at least ``limit``, with their masks."""
        found, coefficients = self.reader.read(outputs, limit)
        shared = self._prototypes.shared(outputs)
        return found._replace(masks=CandidateMasks(coefficients, shared, self._prototypes.spec))
