"""Measures of a detector, from predicted and true boxes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .average_precision import RECALL_POINTS, sampled_precision
from .matching import Matches, match
from .records import PredictedBoxes, TrueBoxes

if TYPE_CHECKING:
    import numpy.typing as npt

    Doubles = npt.NDArray[np.float64]
    Indices = npt.NDArray[np.int64]
    Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class OperatingPoint:
    """A score threshold and what a detector does with it, all 0..1; a prediction is correct from an IoU of 0.5."""

    threshold: float
    precision: float | None
    """Proportion of the predictions that are correct; None without any."""
    recall: float
    """Proportion of the objects that are found."""

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall."""
        precision = self.precision or 0.0
        total = precision + self.recall
        return 2 * precision * self.recall / total if total else 0.0


@dataclass(frozen=True, slots=True, eq=False)
class ClassDetection:
    """The measures of one class."""

    index: int
    name: str
    objects: int
    """Number of objects that count."""
    ap50: float | None
    """Average precision, 0..1, with predictions correct from an IoU of 0.5; None without objects."""
    ap50_95: float | None
    """Mean average precision over the IoU thresholds 0.5, 0.55 ... 0.95; None without objects."""
    curve: Doubles
    """Precision at IoU 0.5 at each of ``RECALL_POINTS``, shape (101,); NaN without objects."""
    best: OperatingPoint | None
    """The threshold with the best F1 and what it does; None without objects or without predictions."""


@dataclass(frozen=True, slots=True, eq=False)
class DetectionMetrics:
    """All measures of one detector on n images."""

    images: int
    map50: float | None
    """Mean of the classes' average precision at IoU 0.5, 0..1; None without objects."""
    map50_95: float | None
    """Mean of the classes' average precision at IoU 0.5 to 0.95, 0..1; None without objects."""
    per_class: tuple[ClassDetection, ...]
    best: OperatingPoint | None
    """The threshold with the best F1 over the predictions of all classes."""
    matches: Matches
    """What each prediction found."""

    @property
    def objects(self) -> int:
        """Number of objects that count."""
        return sum(one.objects for one in self.per_class)


def evaluate_boxes(
    predictions: Sequence[PredictedBoxes], truths: Sequence[TrueBoxes], labels: Sequence[str]
) -> DetectionMetrics:
    """Compute the measures of a detector, equal to those of pycocotools.

    Args:
        predictions: Predicted boxes of each image, all of them: with a low score threshold, or the curves end early.
        truths: True boxes of the same images.
        labels: Names of the classes; the position is the class index.

    Raises:
        ValueError: The numbers of images differ, or a class index is not one of ``labels``.
    """
    _require_known("predictions", [one.classes for one in predictions], len(labels))
    _require_known("truths", [one.classes for one in truths], len(labels))
    matches = match(predictions, truths)
    per_class = tuple(_of_class(matches, index, name) for index, name in enumerate(labels))
    return DetectionMetrics(
        images=len(truths),
        map50=_mean([one.ap50 for one in per_class]),
        map50_95=_mean([one.ap50_95 for one in per_class]),
        per_class=per_class,
        best=best_f1(matches),
        matches=matches,
    )


def best_f1(matches: Matches, label: int | None = None) -> OperatingPoint | None:
    """Return the threshold with the best F1 at IoU 0.5, of one class or of all; None without objects or predictions.

    Of equally good thresholds the highest is returned.
    """
    order, objects = by_score(matches, label), count_objects(matches, label)
    order = order[~matches.ignored[order, 0]]
    if not objects or not len(order):
        return None
    scores = matches.scores[order].astype(np.float64)
    right = np.cumsum(matches.correct[order, 0])
    last = np.flatnonzero(np.append(scores[1:] != scores[:-1], True))  # equal scores pass a threshold together
    found, given = right[last], last + 1
    at = int(np.argmax(2 * found / (given + objects)))
    return OperatingPoint(float(scores[last[at]]), float(found[at] / given[at]), float(found[at] / objects))


def operating_point(matches: Matches, threshold: float) -> OperatingPoint | None:
    """Return precision and recall of all classes at IoU 0.5 from a threshold on; None without objects."""
    objects = count_objects(matches)
    if not objects:
        return None
    counted = (matches.scores >= threshold) & ~matches.ignored[:, 0]
    right, given = int(np.count_nonzero(matches.correct[counted, 0])), int(np.count_nonzero(counted))
    return OperatingPoint(threshold, right / given if given else None, right / objects)


def by_score(matches: Matches, label: int | None = None) -> Indices:
    """Return the indices of the predictions of one class, or of all, best first; ties in the order of the images."""
    scores = matches.scores
    if label is None:
        return np.argsort(-scores, kind="stable").astype(np.int64)
    own = np.flatnonzero(matches.predicted.label == label)
    return own[np.argsort(-scores[own], kind="stable")]


def count_objects(matches: Matches, label: int | None = None) -> int:
    """Return the number of objects of one class, or of all, that count."""
    counted = ~matches.truth_ignored
    return int(np.count_nonzero(counted if label is None else counted & (matches.true.label == label)))


def _of_class(matches: Matches, index: int, name: str) -> ClassDetection:
    objects = count_objects(matches, index)
    if not objects:
        return ClassDetection(index, name, 0, None, None, np.full(len(RECALL_POINTS), math.nan), None)
    order = by_score(matches, index)
    sampled = sampled_precision(matches.correct[order], ~matches.ignored[order], objects)
    ap50, ap50_95 = float(sampled[:, 0].mean()), float(sampled.mean())
    return ClassDetection(index, name, objects, ap50, ap50_95, sampled[:, 0], best_f1(matches, index))


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


def _require_known(what: str, classes: Sequence[npt.NDArray[np.integer]], count: int) -> None:
    for image, one in enumerate(classes):
        outside = one[(one < 0) | (one >= count)]
        if len(outside):
            raise ValueError(
                f"{what} of image {image}: expected class indices from 0 to {count - 1}, got {int(outside[0])}"
            )
