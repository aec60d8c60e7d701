"""Distance of an int8 detector from its float reference: changed scores, displaced boxes, and boxes without a partner."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from edgevision.evaluation.detection.agreement import agree
from edgevision.evaluation.detection.records import PredictedBoxes
from edgevision.tflite.editable_model import FlatModel

from ...keras_files.detector_cells import CellGrid
from ...training.detector.predict import select
from .distance import DETECTION, Score, sigmoid_distance
from .kernel_runner import tap

if TYPE_CHECKING:
    import numpy.typing as npt

    from edgevision.types import Pixels

    Array = npt.NDArray[Any]

BOX_WEIGHT = 2.0
"""Weight of the boxes against the scores, as in the loss that trains a detector (convert/training/detector/losses.py)."""
MIN_WEIGHT = 0.1
"""Float score of a cell below which its box is never reported, so that its place does not matter."""
DEFAULT_THRESHOLD = 0.3
"""Score from which boxes are compared if the model card has no threshold."""


class DetectionJudge:
    """Scorer of int8 detectors against one float detector on a fixed set of images.

    The distance of an image is the Kullback-Leibler divergence of all scores, in nats, plus ``BOX_WEIGHT`` times the
    overlap (1 - IoU) that the boxes lost, weighted by their float scores; both are divided by the sum of the scores, as a
    loss is. Boxes with a partner count as the same answer: same class and an IoU of 0.5, above the threshold of the card.
    """

    measure = DETECTION

    def __init__(
        self,
        float_: bytes,
        pictures: Sequence[Pixels],
        normalize: Callable[[Pixels], Array],
        grid: CellGrid,
        threshold: float | None,
    ) -> None:
        model = FlatModel(float_)
        self._pictures, self._grid = pictures, grid
        self._threshold = DEFAULT_THRESHOLD if threshold is None else threshold
        run = tap(model, _answers(model))
        self._wanted = [run(normalize(picture)[np.newaxis]) for picture in pictures]

    def score(self, model: FlatModel) -> Score:
        """Score an int8 model that takes uint8 images."""
        tensors = _answers(model)
        run = tap(model, tensors)
        distances, found = [], []
        for picture, wanted in zip(self._pictures, self._wanted, strict=True):
            values = run(picture[np.newaxis])
            got = [model.real(tensor, value) for tensor, value in zip(tensors, values, strict=True)]
            distances.append(self._distance(wanted, got))
            found.append(self._boxes(got))
        limits = (self._threshold, self._threshold)
        same = agree([self._boxes(wanted) for wanted in self._wanted], found, limits)
        return Score(np.asarray(distances), same.matched, same.total)

    def _distance(self, wanted: Sequence[Array], got: Sequence[Array]) -> float:
        scores = _sigmoid(wanted[1][0]).max(axis=1)
        near = scores >= MIN_WEIGHT
        lost = 1.0 - _overlaps(*(decoded(side[0][0], self._grid)[near] for side in (wanted, got)))
        total = sigmoid_distance(wanted[1], got[1]) + BOX_WEIGHT * float((scores[near] * lost).sum())
        return total / max(float(scores[near].sum()), 1.0)

    def _boxes(self, outputs: Sequence[Array]) -> PredictedBoxes:
        """Return the boxes that the detection operator would list."""
        return select(decoded(outputs[0][0], self._grid), _sigmoid(outputs[1][0]))


def decoded(encoded: Array, grid: CellGrid) -> npt.NDArray[np.float32]:
    """Return boxes x0, y0, x1, y1 in pixels of the input from encoded ones, both (cells, 4).

    As TFLite_Detection_PostProcess does it: centers relative to the anchor, sizes as logarithms.
    """
    x, y, side = grid.anchors_px().T
    ty, tx, th, tw = (encoded[:, n].astype(np.float32) / scale for n, scale in enumerate(grid.scales))
    middle_x, middle_y = tx * side + x, ty * side + y
    half_w, half_h = (0.5 * side * np.exp(size) for size in (tw, th))
    corners = [middle_x - half_w, middle_y - half_h, middle_x + half_w, middle_y + half_h]
    return np.stack(corners, axis=1).astype(np.float32)


def _answers(model: FlatModel) -> list[int]:
    """Return the tensors of the encoded boxes and of the logits: 8-bit scores would hide small differences."""
    boxes, scores = model.outputs
    return [boxes, _before(model, scores, "LOGISTIC")]


def _before(model: FlatModel, tensor: int, name: str) -> int:
    """Return the input of the operator ``name`` that a tensor comes from, past operators that change no value."""
    while True:
        producer = next(op for op in model.operators if tensor in op.outputs)
        tensor = producer.inputs[0]
        if producer.name == name:
            return tensor


def _overlaps(first: Array, second: Array) -> Array:
    """Return the IoU of each box with the one at the same position, (n,)."""
    sides = np.minimum(first[:, 2:], second[:, 2:]) - np.maximum(first[:, :2], second[:, :2])
    common = np.maximum(sides, 0.0).prod(axis=1)
    areas = [(boxes[:, 2:] - boxes[:, :2]).prod(axis=1) for boxes in (first, second)]
    return np.asarray(common / np.maximum(areas[0] + areas[1] - common, 1e-9))


def _sigmoid(logits: Array) -> npt.NDArray[np.float32]:
    return np.asarray(1.0 / (1.0 + np.exp(-logits)), np.float32)
