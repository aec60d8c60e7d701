"""Assignment of predictions to true boxes, as COCO does it (https://cocodataset.org/#detection-eval)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .overlap import coverage, iou
from .records import PredictedBoxes, TrueBoxes

if TYPE_CHECKING:
    import numpy.typing as npt

    Doubles = npt.NDArray[np.float64]
    Indices = npt.NDArray[np.int64]
    Flags = npt.NDArray[np.bool_]

MAX_DETECTIONS = 100
"""Predictions per class and image that count: those with the highest scores."""
IOU_THRESHOLDS: Doubles = np.linspace(0.5, 0.95, 10)
"""Overlaps from which a prediction counts as correct, shape (10,)."""
NOT_MATCHED = -1


@dataclass(frozen=True, slots=True, eq=False)
class Criterion:
    """When a prediction finds an object."""

    fit: Callable[[npt.NDArray[np.floating], TrueBoxes], Doubles]
    """Returns how well each of n predicted boxes fits each of the m objects of an image, shape (n, m)."""
    thresholds: Doubles
    """Fits from which a prediction counts as correct, rising, shape (k,)."""
    most: int
    """Predictions per class and image that count: those with the highest scores."""


def coco_overlap(boxes: npt.NDArray[np.floating], truth: TrueBoxes) -> Doubles:
    """Return the IoU of boxes (n, 4) with the objects of an image; with those to be ignored the share that is inside."""
    overlap = iou(boxes, truth.boxes)
    if truth.ignored.any():
        overlap[:, truth.ignored] = coverage(boxes, truth.boxes[truth.ignored])
    return overlap


COCO = Criterion(coco_overlap, IOU_THRESHOLDS, MAX_DETECTIONS)


@dataclass(frozen=True, slots=True, eq=False)
class FlatBoxes:
    """Boxes of all images behind each other."""

    image: Indices
    """Index of the image of each box, shape (n,)."""
    row: Indices
    """Index of each box among those of its image as they were given, shape (n,)."""
    label: Indices
    """Class index, shape (n,)."""


@dataclass(frozen=True, slots=True, eq=False)
class Matches:
    """The predictions of all images, each with the true box that it found."""

    predicted: FlatBoxes
    """n predictions, by image, then class, then score, best first; at most ``Criterion.most`` per class and image."""
    scores: npt.NDArray[np.floating]
    """Scores of the predictions, shape (n,)."""
    true: FlatBoxes
    """m true boxes, in the order given."""
    truth_ignored: Flags
    """Whether a true box counts neither way, shape (m,)."""
    found: Indices
    """Index of the true box that each prediction found, at each threshold of the criterion; or ``NOT_MATCHED``. (n, k)."""

    @property
    def ignored(self) -> Flags:
        """Whether a prediction counts neither way because it found an ignored box, shape (n, k)."""
        flags: Flags = (self.found >= 0) & np.append(self.truth_ignored, False)[self.found]
        return flags

    @property
    def correct(self) -> Flags:
        """Whether a prediction found an object that counts, shape (n, k)."""
        flags: Flags = (self.found >= 0) & ~np.append(self.truth_ignored, True)[self.found]
        return flags


@dataclass(frozen=True, slots=True, eq=False)
class _Pairs:
    """Pairs of a prediction and a true box of the same image and class that fit at least as well as the lowest threshold.

    Ordered by the rank of the prediction in its image and class, and then by how much the prediction prefers the true box.
    """

    rank: Indices
    prediction: Indices
    truth: Indices
    fit: Doubles


def match(predictions: Sequence[PredictedBoxes], truths: Sequence[TrueBoxes], criterion: Criterion = COCO) -> Matches:
    """Assign the predictions of each image to its true boxes, by class. Both have one entry per image. Raises ValueError.

    Predictions choose in the order of their scores, each the free true box that fits best; ties go to the true box that
    is listed last. Boxes to be ignored come after all others, and any number of predictions may find the same one. With
    the criterion of COCO, all of this equals pycocotools.
    """
    if len(predictions) != len(truths):
        raise ValueError(f"expected predictions of {len(truths)} images, got {len(predictions)}")
    order, scores, predicted, rank = _ranked(predictions, criterion.most)
    true = _flat([one.classes for one in truths])
    ignored = np.concatenate([np.zeros(0, bool), *(one.ignored for one in truths)]).astype(bool)
    boxes = np.concatenate([np.zeros((0, 4)), *(one.boxes for one in predictions)])[order]
    pairs = _pairs(boxes, predicted, rank, truths, true, criterion)
    return Matches(predicted, scores, true, ignored, _assign(pairs, len(boxes), ignored, criterion.thresholds))


def _ranked(
    predictions: Sequence[PredictedBoxes], most: int
) -> tuple[Indices, npt.NDArray[np.floating], FlatBoxes, Indices]:
    """Return the order of the best predictions, their scores, the predictions, and their rank in their image and class."""
    given = _flat([one.classes for one in predictions])
    scores = np.concatenate([np.zeros(0, np.float32), *(one.scores for one in predictions)])
    order = np.lexsort((-scores, given.label, given.image))
    image, label = given.image[order], given.label[order]
    first = np.ones(len(order), bool)
    first[1:] = (image[1:] != image[:-1]) | (label[1:] != label[:-1])
    starts = np.flatnonzero(first)
    rank = np.arange(len(order)) - np.repeat(starts, np.diff(np.append(starts, len(order))))
    best = rank < most
    order = order[best]
    return order, scores[order], FlatBoxes(given.image[order], given.row[order], given.label[order]), rank[best]


def _flat(classes: Sequence[npt.NDArray[np.integer]]) -> FlatBoxes:
    counts = [len(one) for one in classes]
    image = np.repeat(np.arange(len(counts)), counts)
    row = np.concatenate([np.zeros(0, np.int64), *(np.arange(count) for count in counts)])
    return FlatBoxes(image, row, np.concatenate([np.zeros(0, np.int64), *classes]).astype(np.int64))


def _pairs(
    boxes: Doubles,
    predicted: FlatBoxes,
    rank: Indices,
    truths: Sequence[TrueBoxes],
    true: FlatBoxes,
    criterion: Criterion,
) -> _Pairs:
    images = np.arange(len(truths) + 1)
    ends, truth_ends = np.searchsorted(predicted.image, images), np.searchsorted(true.image, images)
    found: list[tuple[Indices, Indices, Doubles]] = [(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0))]
    for n, truth in enumerate(truths):
        start, end, truth_start = ends[n], ends[n + 1], truth_ends[n]
        if start == end or not len(truth.boxes):
            continue
        fit = criterion.fit(boxes[start:end], truth)
        near = (fit >= criterion.thresholds[0]) & (predicted.label[start:end, None] == truth.classes[None])
        rows, columns = np.nonzero(near)
        found.append((rows + start, columns + truth_start, fit[rows, columns]))
    prediction, number, fit = (np.concatenate(part) for part in zip(*found, strict=True))
    ignored = np.concatenate([np.zeros(0, bool), *(one.ignored for one in truths)])[number]
    order = np.lexsort((-number, -fit, ignored, prediction, rank[prediction]))
    return _Pairs(rank[prediction][order], prediction[order], number[order], fit[order])


def _assign(pairs: _Pairs, count: int, ignored: Flags, thresholds: Doubles) -> Indices:
    """Return the true box that each of ``count`` predictions finds at each threshold, shape (count, thresholds).

    Images and classes do not influence each other, so the best predictions of all of them choose at once, then the second
    best, and so on.
    """
    found = np.full((count, len(thresholds)), NOT_MATCHED, np.int64)
    taken = np.zeros((len(ignored), len(thresholds)), bool)
    for turn in np.unique(pairs.rank):
        start, end = np.searchsorted(pairs.rank, [turn, turn + 1])
        prediction, truth = pairs.prediction[start:end], pairs.truth[start:end]
        free = (pairs.fit[start:end, None] >= thresholds) & (~taken[truth] | ignored[truth, None])
        starts = np.flatnonzero(np.append(True, prediction[1:] != prediction[:-1]))
        preferred = np.where(free, np.arange(len(truth))[:, None], len(truth))
        first = np.minimum.reduceat(preferred, starts, axis=0)
        row, at = np.nonzero(first < len(truth))
        chosen = truth[first[row, at]]
        found[prediction[starts][row], at] = chosen
        taken[chosen, at] = True
    return found
