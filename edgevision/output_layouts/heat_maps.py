"""Heat maps of key points alone: one plane of scores per point, whose best cell is the place of the point.

A segmenter may have the same shape, so that this layout is only read if the user says so. Source: PoseEstimationForMobile,
and OpenMV's export of MoveNet.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..tflite.outputs import dequantize
from .layout import Candidates, OutputView
from .pose import LABELS, MIN_POINTS, person

if TYPE_CHECKING:
    from ..types import Tensor, TensorSpec

TITLE = "one output [1, rows, columns, points] with a heat map per key point of one person"


def recognize(view: OutputView, forced: bool = False) -> HeatMapsLayout | None:
    """Return the layout only if the user named it, and the only output has several planes."""
    if not forced or len(view.outputs) != 1:
        return None
    spec = view.outputs[0]
    if len(spec.shape) != 4 or min(spec.shape[1:]) < 2 or spec.shape[3] < MIN_POINTS:
        return None
    return HeatMapsLayout(spec, view.width, view.height)


class HeatMapsLayout:
    """Reads the best cell of each plane."""

    name = "heat-maps"
    overlapping = False
    labels = LABELS

    def __init__(self, spec: TensorSpec, width: int, height: int) -> None:
        self.classes: int | None = 1
        self._spec = spec
        self._step = np.array([width / spec.shape[2], height / spec.shape[1]], np.float32)

    def read(self, outputs: Sequence[Tensor], limit: float) -> Candidates:
        """Return the person if its score is at least ``limit``."""
        planes = outputs[0].reshape(-1, self._spec.shape[3])
        best = planes.argmax(axis=0)
        rows, columns = np.divmod(best, self._spec.shape[2])
        scores = dequantize(planes[best, np.arange(best.size)], self._spec)
        places = (np.stack([columns, rows], axis=1) + 0.5) * self._step
        return person(np.asarray(np.concatenate([places, scores[:, np.newaxis]], axis=1), np.float32), limit)
