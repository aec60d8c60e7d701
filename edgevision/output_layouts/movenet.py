"""MoveNet: the 17 key points of one person, [1, 1, 17, 3], or those of up to six with their boxes, [1, 6, 56].

A point is y, x and score; places are proportions of the input. The last five numbers of one of six are top, left, bottom,
right and score. Source: the model cards of MoveNet SinglePose and MultiPose.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..errors import BadModel
from ..tflite.outputs import dequantize
from .coco_keypoints import COCO_KEYPOINTS
from .layout import CandidateKeypoints, Candidates, OutputView
from .pose import LABELS, person

if TYPE_CHECKING:
    from ..types import Tensor, TensorSpec
    from .layout import Floats

TITLE = "17 key points of one person [1, 1, 17, 3], or of several with boxes [1, 6, 56] (MoveNet)"
POINTS = len(COCO_KEYPOINTS)
SINGLE = (1, 17, 3)
MOST = 6
"""People that MultiPose finds."""
NUMBERS = 3 * POINTS + 5
"""Numbers of one of several people: key points, box, score."""


def recognize(view: OutputView, forced: bool = False) -> MoveNetLayout | None:
    """Return the layout if the only output has one of the two shapes."""
    if len(view.outputs) != 1:
        return None
    spec = view.outputs[0]
    single = spec.shape[1:] == SINGLE
    several = len(spec.shape) == 3 and spec.shape[2] == NUMBERS and (spec.shape[1] == MOST or forced)
    return MoveNetLayout(spec, view.width, view.height, single) if single or several else None


class MoveNetLayout:
    """Reads key points, and boxes if there are any."""

    name = "movenet"
    overlapping = False
    labels = LABELS

    def __init__(self, spec: TensorSpec, width: int, height: int, single: bool) -> None:
        self.classes: int | None = 1
        self._spec, self._single = spec, single
        self._sides = np.array([width, height], np.float32)

    def read(self, outputs: Sequence[Tensor], limit: float) -> Candidates:
        """Return the people with a score of at least ``limit``."""
        values = dequantize(outputs[0], self._spec)
        if self._single:
            return person(self._points(values.reshape(1, POINTS, 3))[0], limit)
        if values.shape[-1] != NUMBERS:
            raise BadModel(f"expected {NUMBERS} numbers for each person, got an output of shape {list(values.shape)}")
        rows = values.reshape(-1, NUMBERS)
        rows = rows[np.isfinite(rows).all(axis=1) & (rows[:, -1] >= limit)]
        top, left, bottom, right = rows[:, -5:-1].T
        boxes = np.stack([left, top, right, bottom], axis=1) * np.tile(self._sides, 2)
        points = self._points(rows[:, :-5].reshape(-1, POINTS, 3))
        return Candidates(boxes, rows[:, -1], np.zeros(len(rows), np.int64), CandidateKeypoints(COCO_KEYPOINTS, points))

    def _points(self, values: Floats) -> Floats:
        """Convert y, x and score, (n, k, 3), to x and y in pixels of the input, and score."""
        places = values[..., 1::-1] * self._sides
        return np.concatenate([places, values[..., 2:]], axis=-1)
