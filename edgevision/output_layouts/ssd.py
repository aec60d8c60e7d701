"""SSD without its last operator: boxes relative to anchors, [1, anchors, 4], and scores, [1, anchors, classes].

A box is center y, center x, height and width. Source of the decoding: ``faster_rcnn_box_coder`` of TensorFlow's Object
Detection API, and ``tensors_to_detections_calculator.cc`` of MediaPipe.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..errors import BadModel
from ..tflite.outputs import dequantize
from .best_class import best_classes
from .grid import plain_shape
from .layout import Candidates, OutputView
from .score_scale import ScoreScale
from .ssd_anchors import Anchors, find_anchors

if TYPE_CHECKING:
    from ..types import Tensor, TensorSpec
    from .layout import Floats, Integers

TITLE = (
    "boxes relative to anchors [1, anchors, 4] and scores [1, anchors, classes] (SSD MobileNet and EfficientDet-Lite without "
    "TFLite_Detection_PostProcess)"
)
MAX_GROWTH = 10.0
"""Largest logarithm of the ratio of a box to its anchor; beyond it, values are not those of boxes."""


def recognize(view: OutputView, forced: bool = False) -> SsdLayout | None:
    """Return the layout if the number of boxes is that of known anchors. Raises BadModel if the metadata are damaged."""
    if len(view.outputs) != 2:
        return None
    sizes = [_table(spec) for spec in view.outputs]
    boxes = _boxes(view.outputs, sizes)
    if boxes is None:
        return None
    count, columns = sizes[1 - boxes]
    anchors = find_anchors(count, view.width, view.height, view.facts)
    if anchors is None:
        if forced:
            raise BadModel(
                f"the anchors of {count} boxes are not known: neither the file's metadata nor a file box_priors.txt in it has "
                f"them, and those of SSD MobileNet and EfficientDet-Lite for an input of {view.width}x{view.height} are others"
            )
        return None
    return SsdLayout(view, boxes, columns, anchors)


class SsdLayout:
    """Reads boxes relative to anchors, and scores, raw or not."""

    name = "ssd"
    overlapping = True

    def __init__(self, view: OutputView, boxes: int, columns: int, anchors: Anchors) -> None:
        background = anchors.background and columns > 1
        self.classes: int | None = columns - background
        self._boxes, self._scores, self._first = boxes, 1 - boxes, int(background)
        self._specs, self._anchors = view.outputs, anchors
        self._sides = np.array([view.width, view.height, view.width, view.height], np.float32)
        self._scale = ScoreScale([view.outputs[self._scores]], known=anchors.raw_scores)

    def read(self, outputs: Sequence[Tensor], limit: float) -> Candidates:
        """Return the boxes with a score of at least ``limit``."""
        spec = self._specs[self._scores]
        columns = outputs[self._scores].reshape(len(self._anchors.boxes), -1)
        self._scale.look([columns])
        kept, classes, scores = best_classes(columns[:, self._first :].T, spec, self._scale.limit(limit))
        boxes = self._decode(outputs[self._boxes].reshape(-1, 4), kept)
        return Candidates(boxes, self._scale.probabilities(scores), classes)

    def _decode(self, values: Tensor, kept: Integers) -> Floats:
        """Return left, top, right and bottom of some boxes in pixels of the input."""
        numbers = dequantize(values[kept], self._specs[self._boxes]) / np.array(self._anchors.scales, np.float32)
        anchors = self._anchors.boxes[kept]
        centers = numbers[:, :2] * anchors[:, 2:] + anchors[:, :2]
        ratios = np.exp(np.minimum(numbers[:, 2:], MAX_GROWTH)) if self._anchors.exponential else numbers[:, 2:]
        half = ratios * anchors[:, 2:] / 2
        top_left, bottom_right = centers - half, centers + half
        return np.asarray(np.concatenate([top_left[:, ::-1], bottom_right[:, ::-1]], axis=1) * self._sides, np.float32)


def _table(spec: TensorSpec) -> tuple[int, int]:
    """Return anchors and columns of an output; zeros if it is not a table."""
    sizes = plain_shape(spec)
    if len(sizes) == 1 and len(spec.shape) == 3 and spec.shape[2] == 1:
        return sizes[0], 1
    return (sizes[0], sizes[1]) if len(sizes) == 2 else (0, 0)


def _boxes(outputs: Sequence[TensorSpec], sizes: list[tuple[int, int]]) -> int | None:
    """Return which of two tables holds the boxes; of two with four columns the one with the name, else the first."""
    (one, columns), (other, more) = sizes
    if one != other or one == 0 or 4 not in (columns, more):
        return None
    if columns != more:
        return int(more == 4)
    return int("box" in outputs[1].name.lower() and "box" not in outputs[0].name.lower())
