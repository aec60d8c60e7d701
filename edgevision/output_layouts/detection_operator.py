"""Four outputs with boxes, classes, scores and count, as the operator TFLite_Detection_PostProcess makes them.

Detectors of the same form without the operator are recognized by their metadata or by the names of their outputs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..errors import BadModel
from ..tflite.detection_outputs import DetectionOutputs, corners, find_outputs
from ..tflite.outputs import dequantize
from .layout import Candidates, OutputView

if TYPE_CHECKING:
    from ..types import Tensor

TITLE = "boxes, classes, scores and count in outputs of their own, as TFLite_Detection_PostProcess makes them"


def recognize(view: OutputView, forced: bool = False) -> DetectionOperatorLayout | None:
    """Return the layout if the operator, the metadata or the names show which output holds what."""
    try:
        where = find_outputs(view.outputs, view.facts)
    except BadModel:
        if forced:
            raise
        return None
    return DetectionOperatorLayout(view, where)


class DetectionOperatorLayout:
    """Reads boxes, classes, scores and count."""

    name = "detection-operator"
    overlapping = False
    classes: int | None = None

    def __init__(self, view: OutputView, where: DetectionOutputs) -> None:
        self._view, self._where = view, where

    def read(self, outputs: Sequence[Tensor], limit: float) -> Candidates:
        """Return the boxes with a score of at least ``limit``."""
        where, view = self._where, self._view
        boxes, classes, scores = (
            dequantize(outputs[n], view.outputs[n]) for n in (where.boxes, where.classes, where.scores)
        )
        if boxes.size != 4 * scores.size or classes.size != scores.size:
            shapes = ", ".join(str(list(part.shape)) for part in (boxes, classes, scores))
            raise BadModel(f"boxes, classes and scores have shapes that do not fit together: {shapes}")
        count = scores.size if where.count is None else self._count(outputs[where.count], where.count, scores.size)
        boxes, classes, scores = boxes.reshape(-1, 4)[:count], classes.reshape(-1)[:count], scores.reshape(-1)[:count]
        kept = (scores >= limit) & np.isfinite(classes)
        indices = np.floor(classes[kept] + 0.5).astype(np.int64)
        return Candidates(corners(boxes[kept], where.box, view.width, view.height), scores[kept], indices)

    def _count(self, output: Tensor, number: int, most: int) -> int:
        values = dequantize(output, self._view.outputs[number]).reshape(-1)
        return int(np.clip(np.nan_to_num(values[0]), 0, most)) if values.size else 0
