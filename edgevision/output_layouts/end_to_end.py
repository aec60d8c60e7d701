"""End-to-end detectors, which remove overlapping boxes themselves: rows of left, top, right, bottom, score and class.

Source of the format: YOLOv10 and YOLO26, [1, 300, 6], and Ultralytics' exports with ``nms=True``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..tflite.outputs import dequantize
from .box_unit import BoxUnit, refuse_coarse_scores
from .grid import find_rows, plain_shape
from .layout import Candidates, OutputView

if TYPE_CHECKING:
    from ..types import Tensor, TensorSpec

TITLE = (
    "one output [1, boxes, 6] with left, top, right, bottom, score and class (YOLOv10, YOLO26, exports with nms=True)"
)
COLUMNS = 6


def recognize(view: OutputView, forced: bool = False) -> EndToEndLayout | None:
    """Return the layout if the only output has rows of six, and their number does not fit several grids."""
    if len(view.outputs) != 1:
        return None
    spec = view.outputs[0]
    sizes = plain_shape(spec)
    if len(sizes) != 2 or sizes[1] != COLUMNS:
        return None
    rows = find_rows(spec, view.width, view.height)
    # 300 rows are also three boxes for each cell of one grid: 10x10 cells over 320 pixels. The labels decide then.
    if not forced and rows is not None and len(rows.strides) > 1:
        return None
    refuse_coarse_scores(spec)
    return EndToEndLayout(spec, view.width, view.height)


class EndToEndLayout:
    """Reads rows of corners, score and class."""

    name = "end-to-end"
    overlapping = False
    classes: int | None = None

    def __init__(self, spec: TensorSpec, width: int, height: int) -> None:
        self._spec = spec
        self._unit = BoxUnit(spec, width, height)

    def read(self, outputs: Sequence[Tensor], limit: float) -> Candidates:
        """Return the boxes with a score of at least ``limit``."""
        rows = dequantize(outputs[0].reshape(-1, COLUMNS), self._spec)
        rows = rows[np.isfinite(rows).all(axis=1)]
        kept = rows[rows[:, 4] >= limit]
        boxes = self._unit.to_pixels(kept[:, :4], rows[:, :4])
        return Candidates(boxes, kept[:, 4], np.floor(kept[:, 5] + 0.5).astype(np.int64))
