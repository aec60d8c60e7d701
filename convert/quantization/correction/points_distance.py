"""Distance of an int8 network of points from its float reference: changed scores of the cells, points without a partner."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from edgevision.evaluation.detection.agreement import agree
from edgevision.evaluation.detection.points.matching import PLACE
from edgevision.evaluation.detection.records import PredictedBoxes
from edgevision.postprocessing.points import DEFAULT_THRESHOLD
from edgevision.tflite.editable_model import FlatModel

from ...training.detector.points.predict import point_boxes
from .distance import POINTS, Score, answers, log_softmax
from .kernel_runner import tap

if TYPE_CHECKING:
    import numpy.typing as npt

    from edgevision.types import Pixels

    Array = npt.NDArray[Any]


class PointsJudge:
    """Scorer of int8 networks of points against one float network on a fixed set of images.

    The distance of an image is the Kullback-Leibler divergence of the scores of all cells, in nats, divided by the sum of
    the float scores of all classes, as the loss is that trains points: an empty image counts little. Points with a partner
    count as the same answer: same class and at most a cell apart, above the threshold of the card.
    """

    measure = POINTS

    def __init__(
        self,
        float_: bytes,
        pictures: Sequence[Pixels],
        normalize: Callable[[Pixels], Array],
        threshold: float | None,
    ) -> None:
        model = FlatModel(float_)
        self._pictures = pictures
        self._threshold = DEFAULT_THRESHOLD if threshold is None else threshold
        run = tap(model, answers(model)[1])
        self._wanted = [log_softmax(run(normalize(picture)[np.newaxis])[0][0]) for picture in pictures]

    def score(self, model: FlatModel) -> Score:
        """Score an int8 model that takes uint8 images."""
        tensors = answers(model)[1]
        run = tap(model, tensors)
        found = [log_softmax(model.real(tensors[0], run(picture[np.newaxis])[0])[0]) for picture in self._pictures]
        distances = [_distance(wanted, got) for wanted, got in zip(self._wanted, found, strict=True)]
        limits = (self._threshold, self._threshold)
        same = agree([_points(wanted) for wanted in self._wanted], [_points(got) for got in found], limits, PLACE)
        return Score(np.asarray(distances), same.matched, same.total)


def _distance(wanted: Array, got: Array) -> float:
    """Return the divergence of log scores (rows, columns, 1 + classes) per thing that float sees."""
    scores = np.exp(wanted)
    return float((scores * (wanted - got)).sum() / max(float(scores[..., 1:].sum()), 1.0))


def _points(log_scores: Array) -> PredictedBoxes:
    """Return the points that the device would find, in cells."""
    return point_boxes(np.exp(log_scores).astype(np.float32), 1.0)
