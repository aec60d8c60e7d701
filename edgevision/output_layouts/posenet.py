"""PoseNet: for each key point a heat map of raw scores, and an offset from each cell to the point, in pixels.

One person is read, as in ``decodeSinglePose`` of TensorFlow.js: each point is at the offset of its best cell. Cells are
``(input - 1) / (cells - 1)`` pixels apart, from the first to the last pixel. Displacements, which join the points of several
people, are not used.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..tflite.outputs import dequantize
from .coco_keypoints import COCO_KEYPOINTS
from .layout import Candidates, OutputView
from .logistic import logistic
from .pose import LABELS, person

if TYPE_CHECKING:
    from ..types import Tensor

TITLE = "heat maps [1, rows, columns, 17] and offsets [1, rows, columns, 34], perhaps with displacements (PoseNet)"
POINTS = len(COCO_KEYPOINTS)


def recognize(view: OutputView, forced: bool = False) -> PoseNetLayout | None:
    """Return the layout if one output holds heat maps, one as many pairs of offsets, and all others are as large."""
    grids = {spec.shape[1:3] for spec in view.outputs}
    if len(grids) != 1 or any(len(spec.shape) != 4 for spec in view.outputs):
        return None
    maps = [n for n, spec in enumerate(view.outputs) if spec.shape[3] == POINTS]
    offsets = [n for n, spec in enumerate(view.outputs) if spec.shape[3] == 2 * POINTS]
    if len(maps) != 1 or len(offsets) != 1 or min(next(iter(grids))) < 2:
        return None
    return PoseNetLayout(view, maps[0], offsets[0])


class PoseNetLayout:
    """Reads the best cell of each heat map."""

    name = "posenet"
    overlapping = False
    labels = LABELS

    def __init__(self, view: OutputView, maps: int, offsets: int) -> None:
        self.classes: int | None = 1
        self._view, self._maps, self._offsets = view, maps, offsets
        rows, columns = view.outputs[maps].shape[1:3]
        self._step = np.array([(view.height - 1) / (rows - 1), (view.width - 1) / (columns - 1)], np.float32)

    def read(self, outputs: Sequence[Tensor], limit: float) -> Candidates:
        """Return the person if its score is at least ``limit``."""
        maps, offsets = outputs[self._maps][0], outputs[self._offsets][0]
        rows, columns = np.divmod(maps.reshape(-1, POINTS).argmax(axis=0), maps.shape[1])
        best = np.arange(POINTS)
        raw = dequantize(maps[rows, columns, best], self._view.outputs[self._maps])
        spec = self._view.outputs[self._offsets]
        down, across = (dequantize(offsets[rows, columns, best + first], spec) for first in (0, POINTS))
        y, x = rows * self._step[0] + down, columns * self._step[1] + across
        return person(np.asarray(np.stack([x, y, logistic(raw)], axis=1), np.float32), limit)
