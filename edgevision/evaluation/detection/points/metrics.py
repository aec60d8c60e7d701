"""Counts of a model's points: how many find an object, and how many there are in each image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..matching import FlatBoxes, Matches, match
from ..metrics import OperatingPoint, best_f1, count_objects
from ..records import PredictedBoxes, TrueBoxes
from .matching import PLACE

if TYPE_CHECKING:
    import numpy.typing as npt

    Doubles = npt.NDArray[np.float64]
    Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class PointCounts:
    """Points from a threshold on and objects, by image and class; arrays of shape (images, classes)."""

    correct: Doubles
    """Points that found an object."""
    points: Doubles
    """Points that count: those at objects that count neither way are left out."""
    objects: Doubles
    """Objects that count."""

    @property
    def errors(self) -> Doubles:
        """Points too many or too few in each image, summed over the classes, (images,)."""
        found: Doubles = np.abs(self.points - self.objects).sum(axis=1)
        return found

    def of(self, label: int) -> ClassCounts:
        """Return the counts of one class over all images."""
        return ClassCounts(*(int(part[:, label].sum()) for part in (self.correct, self.points, self.objects)))

    @property
    def every(self) -> ClassCounts:
        """The counts over all classes and images."""
        return ClassCounts(*(int(part.sum()) for part in (self.correct, self.points, self.objects)))


@dataclass(frozen=True, slots=True)
class ClassCounts:
    """Numbers of points and objects."""

    correct: int
    points: int
    objects: int

    @property
    def precision(self) -> float | None:
        """Share of the points that found an object; None without points."""
        return self.correct / self.points if self.points else None

    @property
    def recall(self) -> float | None:
        """Share of the objects that were found; None without objects."""
        return self.correct / self.objects if self.objects else None

    @property
    def f1(self) -> float | None:
        """Harmonic mean of precision and recall; None without points and objects."""
        total = self.points + self.objects
        return 2 * self.correct / total if total else None


@dataclass(frozen=True, slots=True)
class ClassPoints:
    """The measures of one class."""

    index: int
    name: str
    counts: ClassCounts
    """At the threshold in use."""
    best: OperatingPoint | None
    """The threshold with the best F1 and what it does; None without objects or points."""

    @property
    def objects(self) -> int:
        """Number of objects that count."""
        return self.counts.objects


@dataclass(frozen=True, slots=True, eq=False)
class PointMetrics:
    """All counts of one model on n images."""

    images: int
    per_class: tuple[ClassPoints, ...]
    counts: PointCounts
    """At the threshold in use."""
    best: OperatingPoint | None
    """The threshold with the best F1 over the points of all classes."""
    matches: Matches
    """What each point found."""

    @property
    def objects(self) -> int:
        """Number of objects that count."""
        return count_objects(self.matches)


def evaluate_point_boxes(
    predictions: Sequence[PredictedBoxes], truths: Sequence[TrueBoxes], labels: Sequence[str], threshold: float
) -> PointMetrics:
    """Compute the counts of a model at a threshold.

    Args:
        predictions: Points of each image as boxes of one cell, with all scores.
        truths: True boxes of the same images.
        labels: Names of the classes; the position is the class index.
        threshold: Score from which points count.

    Raises:
        ValueError: The numbers of images differ.
    """
    matches = match(predictions, truths, PLACE)
    counts = _counts(matches, threshold, (len(truths), len(labels)))
    per_class = tuple(
        ClassPoints(index, name, counts.of(index), best_f1(matches, index)) for index, name in enumerate(labels)
    )
    return PointMetrics(len(truths), per_class, counts, best_f1(matches), matches)


def _counts(matches: Matches, threshold: float, shape: tuple[int, int]) -> PointCounts:
    counted = (matches.scores >= threshold) & ~matches.ignored[:, 0]
    return PointCounts(
        _table(matches.predicted, counted & matches.correct[:, 0], shape),
        _table(matches.predicted, counted, shape),
        _table(matches.true, ~matches.truth_ignored, shape),
    )


def _table(boxes: FlatBoxes, chosen: Flags, shape: tuple[int, int]) -> Doubles:
    """Return the number of chosen boxes by image and class."""
    found = np.zeros(shape, np.float64)
    np.add.at(found, (boxes.image[chosen], boxes.label[chosen]), 1.0)
    return found
