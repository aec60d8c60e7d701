"""YOLO without objectness: per box center, size and one score per class, as YOLOv8, YOLO11, YOLO12 and YOLO26 export it.

Source of the format: the outputs of Ultralytics' exporter for TFLite, [1, 4 + classes, boxes], and OpenMV's [1, 5, 756].
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..tflite.outputs import dequantize
from .best_class import best_classes, corners_of
from .box_unit import BoxUnit, refuse_coarse_scores
from .grid import Rows, find_rows
from .layout import Candidates, OutputView

if TYPE_CHECKING:
    from ..types import Tensor, TensorSpec

TITLE = "one output [1, 4 + classes, boxes] or [1, boxes, 4 + classes] with center, size and class scores (YOLOv8, 11, 12, 26)"
FIRST = 4
"""Numbers of a box before its scores."""


def recognize(view: OutputView, forced: bool = False) -> YoloLayout | None:
    """Return the layout if the only output has one box per cell and at least one class."""
    if len(view.outputs) != 1:
        return None
    spec = view.outputs[0]
    rows = find_rows(spec, view.width, view.height, forced)
    if rows is None or rows.channels <= FIRST or (rows.per_cell == 3 and not forced):
        return None
    refuse_coarse_scores(spec)
    return YoloLayout(spec, rows, view.width, view.height)


class YoloLayout:
    """Reads center, size and class scores."""

    name = "yolo"
    overlapping = True

    def __init__(self, spec: TensorSpec, rows: Rows, width: int, height: int) -> None:
        self.classes: int | None = rows.channels - FIRST
        self._spec, self._rows = spec, rows
        self._unit = BoxUnit(spec, width, height)

    def read(self, outputs: Sequence[Tensor], limit: float) -> Candidates:
        """Return the boxes with a score of at least ``limit``."""
        values = as_channels(outputs[0], self._rows)
        kept, classes, scores = best_classes(values[FIRST:], self._spec, limit)
        boxes = corners_of(dequantize(values[:FIRST, kept].T, self._spec))
        every = values[:2] if not self._spec.quantized else values[:2, :0]
        return Candidates(self._unit.to_pixels(boxes, np.asarray(every, np.float32)), scores, classes)


def as_channels(output: Tensor, rows: Rows) -> Tensor:
    """Return an output as (channels, boxes), without a copy."""
    if rows.channels_first:
        return output.reshape(rows.channels, rows.boxes)
    return output.reshape(rows.boxes, rows.channels).T
