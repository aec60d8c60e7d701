"""YOLO with objectness: per box center, size, the score that it is an object, and one score per class.

Source of the format: the TFLite exporter of YOLOv5, [1, boxes, 5 + classes], three boxes per cell.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..tflite.outputs import dequantize
from .best_class import corners_of, stored_limit, strongest
from .box_unit import BoxUnit, refuse_coarse_scores
from .grid import Rows, find_rows
from .layout import Candidates, OutputView
from .yolo import as_channels

if TYPE_CHECKING:
    from ..types import Tensor, TensorSpec

TITLE = (
    "one output [1, boxes, 5 + classes] or [1, 5 + classes, boxes] with center, size, objectness and class scores "
    "(YOLOv5, YOLOv7)"
)
FIRST = 5
"""Numbers of a box before its class scores; the last of them is the objectness."""


def recognize(view: OutputView, forced: bool = False) -> YoloObjectnessLayout | None:
    """Return the layout if the only output has three boxes per cell and at least one class."""
    if len(view.outputs) != 1:
        return None
    spec = view.outputs[0]
    rows = find_rows(spec, view.width, view.height, forced)
    if rows is None or rows.channels <= FIRST or (rows.per_cell == 1 and not forced):
        return None
    refuse_coarse_scores(spec)
    return YoloObjectnessLayout(spec, rows, view.width, view.height)


class YoloObjectnessLayout:
    """Reads center, size, objectness and class scores. The score of a box is the product of both."""

    name = "yolo-objectness"
    overlapping = True

    def __init__(self, spec: TensorSpec, rows: Rows, width: int, height: int) -> None:
        self.classes: int | None = rows.channels - FIRST
        self._spec, self._rows = spec, rows
        self._unit = BoxUnit(spec, width, height)

    def read(self, outputs: Sequence[Tensor], limit: float) -> Candidates:
        """Return the boxes with a score of at least ``limit``."""
        values = as_channels(outputs[0], self._rows)
        objectness = values[FIRST - 1]
        likely = np.flatnonzero(objectness >= stored_limit(limit, self._spec))  # a product is at most its factor
        real = dequantize(values[:, likely].T, self._spec)
        scores = real[:, FIRST:] * real[:, FIRST - 1 : FIRST]
        best = scores.argmax(axis=1)
        highest = scores[np.arange(best.size), best]
        kept = np.flatnonzero(highest >= limit)
        kept = kept[strongest(highest[kept])]
        every = values[:2] if not self._spec.quantized else values[:2, :0]
        boxes = self._unit.to_pixels(corners_of(real[kept, :4]), np.asarray(every, np.float32))
        return Candidates(boxes, highest[kept], best[kept])
