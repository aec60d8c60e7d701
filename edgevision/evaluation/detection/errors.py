"""The errors of a detector by their cause.

D. Bolya, S. Foley, J. Hays, J. Hoffman, 2020, TIDE: A General Toolbox for Identifying Object Detection Errors
(arXiv:2008.08115), section 2.2, with its thresholds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from .overlap import iou
from .records import PredictedBoxes, TrueBoxes

if TYPE_CHECKING:
    import numpy.typing as npt

    from .matching import Matches

Kind = Literal["missed", "background", "localisation", "confused", "both", "duplicate"]
KINDS: tuple[Kind, ...] = get_args(Kind)
FOREGROUND, BACKGROUND = 0.5, 0.1
"""IoU from which a box is at the place of an object, and IoU up to which it has nothing to do with one."""
Box = tuple[float, float, float, float]
Overlap = Callable[["npt.NDArray[np.floating]", "npt.NDArray[np.floating]"], "npt.NDArray[np.float64]"]
"""Returns how well boxes (n, 4) are at the places of others (m, 4), 0..1, shape (n, m)."""


@dataclass(frozen=True, slots=True)
class DetectionError:
    """One wrong prediction, or one object that was missed."""

    kind: Kind
    """missed: no prediction stands for the object. background: no object is there. localisation: the right class, badly
    placed. confused: an object of another class is there. both: badly placed and another class. duplicate: the object was
    already found with a higher score."""
    image: int
    """Index of the image."""
    score: float | None
    """Score of the prediction, 0..1; None for a missed object."""
    predicted: int | None
    """Predicted class; None for a missed object."""
    box: Box | None
    """Predicted box x0, y0, x1, y1 in pixels; None for a missed object."""
    true: int | None
    """Class of the object concerned; None without one."""
    true_box: Box | None
    """Box of the object concerned; None without one."""


@dataclass(frozen=True, slots=True)
class DetectionErrors:
    """All errors of a detector at one threshold."""

    threshold: float
    """Score from which predictions count, 0..1."""
    correct: int
    """Number of correct predictions."""
    every: tuple[DetectionError, ...]
    """The errors, those with the highest scores first; missed objects last, the largest first."""

    def of(self, kind: Kind) -> tuple[DetectionError, ...]:
        """Return the errors of one kind."""
        return tuple(one for one in self.every if one.kind == kind)

    def counts(self) -> dict[str, int]:
        """Return the number of errors of each kind."""
        found = Counter(one.kind for one in self.every)
        return {kind: found[kind] for kind in KINDS}


def find_errors(
    matches: Matches,
    predictions: Sequence[PredictedBoxes],
    truths: Sequence[TrueBoxes],
    threshold: float,
    overlap: Overlap = iou,
) -> DetectionErrors:
    """Find the errors among the predictions with scores of at least ``threshold``; ``matches``: of the same boxes.

    ``overlap``: from ``FOREGROUND`` on, a prediction is at the place of an object.
    """
    found: list[DetectionError] = []
    correct = 0
    images = np.arange(len(truths) + 1)
    ends, truth_ends = np.searchsorted(matches.predicted.image, images), np.searchsorted(matches.true.image, images)
    for image, truth in enumerate(truths):
        at = np.arange(ends[image], ends[image + 1])
        at = at[matches.scores[at] >= threshold]
        right = matches.correct[at, 0]
        correct += int(right.sum())
        objects = np.zeros(len(truth.boxes), bool)
        objects[matches.found[at[right], 0] - truth_ends[image]] = True
        wrong = matches.predicted.row[at[~right & ~matches.ignored[at, 0]]]
        found += _of_image(image, _Image(predictions[image], truth, objects, overlap), wrong)
    found.sort(key=lambda one: (one.score is None, -(one.score or 0.0), -_area(one.true_box)))
    return DetectionErrors(threshold, correct, tuple(found))


@dataclass(frozen=True, slots=True, eq=False)
class _Image:
    predicted: PredictedBoxes
    truth: TrueBoxes
    objects: npt.NDArray[np.bool_]
    """Whether each object was found."""
    overlap: Overlap


def _of_image(number: int, image: _Image, wrong: Sequence[int] | npt.NDArray[np.int64]) -> Iterator[DetectionError]:
    """Yield the errors of one image; ``wrong``: rows of the wrong predictions."""
    truth, counted = image.truth, ~image.truth.ignored
    overlaps = np.where(counted, image.overlap(image.predicted.boxes, truth.boxes), 0.0)
    explained = image.objects.copy()
    for row in wrong:
        label, overlap = int(image.predicted.classes[row]), overlaps[row]
        kind, at = _kind(overlap, truth.classes == label, image.objects)
        if kind in ("localisation", "confused") and at is not None:
            explained[at] = True  # with this error corrected, the object would be found
        yield DetectionError(
            kind, number, float(image.predicted.scores[row]), label, _box(image.predicted.boxes[row]),
            None if at is None else int(truth.classes[at]), None if at is None else _box(truth.boxes[at]),
        )  # fmt: skip
    for missed in np.flatnonzero(~explained & counted):
        yield DetectionError("missed", number, None, None, None, int(truth.classes[missed]), _box(truth.boxes[missed]))


def _kind(
    overlap: npt.NDArray[np.float64], same: npt.NDArray[np.bool_], found: npt.NDArray[np.bool_]
) -> tuple[Kind, int | None]:
    """Return the kind of a wrong prediction and the object concerned.

    ``overlap``: IoU with each object; ``same``: whether it has the predicted class; ``found``: whether it was found.
    """
    if not len(overlap):
        return "background", None
    own, other = np.where(same, overlap, 0.0), np.where(same, 0.0, overlap)
    taken = np.where(found, own, 0.0)
    if BACKGROUND <= own.max() < FOREGROUND:
        return "localisation", int(own.argmax())
    if other.max() >= FOREGROUND:
        return "confused", int(other.argmax())
    if taken.max() >= FOREGROUND:
        return "duplicate", int(taken.argmax())
    if overlap.max() <= BACKGROUND:
        return "background", None
    return "both", int(overlap.argmax())


def _box(values: npt.NDArray[np.floating[Any]]) -> Box:
    x0, y0, x1, y1 = (round(float(value), 2) for value in values)
    return x0, y0, x1, y1


def _area(box: Box | None) -> float:
    return 0.0 if box is None else (box[2] - box[0]) * (box[3] - box[1])
