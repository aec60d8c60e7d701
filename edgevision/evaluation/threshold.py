"""Suggestion of a score threshold, below which a model should give no prediction, from labeled images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from . import metrics

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.floating]
    Flags = npt.NDArray[np.bool_]

PRECISION = 0.95
"""Precision that a threshold should reach."""
MIN_CORRECT_KEPT = 0.5
"""Fraction of the correct predictions that a threshold must keep."""


@dataclass(frozen=True, slots=True)
class Threshold:
    """A suggested threshold and its effect on the images it was computed from, all 0..1."""

    suggested: float | None
    """Suggested threshold; None without images or labels."""
    criterion: str
    """Human-readable reason for the threshold."""
    precision: float | None
    """Proportion of the predictions given that are correct."""
    recall: float | None
    """Proportion of all images (multi-label: of all labels) that get a correct prediction."""

    def to_json(self) -> dict[str, Any]:
        """Return the fields as JSON values."""
        return {
            "suggested": self.suggested,
            "criterion": self.criterion,
            "precision": self.precision,
            "recall": self.recall,
        }


def for_answers(best: Floats, right: Flags, negatives: Floats) -> Threshold:
    """Suggest a threshold for one label per image: the lowest one that reaches the target precision.

    ``best``, ``right``: best score of each image and whether it belongs to the true class, (n,); ``strangers``: best
    scores of negatives, (m,), for which any prediction is wrong. The target is ``PRECISION``, or the precision with half
    as many wrong predictions, whichever is higher. If it would cost most of the correct predictions, the threshold with
    the best F1 is suggested.
    """
    if not len(best):
        return Threshold(None, "no images", None, None)
    scores = np.concatenate([best, negatives])
    good = np.concatenate([right, np.zeros(len(negatives), bool)])
    precision, kept, thresholds = metrics.precision_recall_curve(good, scores)
    recall = kept * float(right.mean())
    target = max(PRECISION, 1 - (1 - float(precision[-1])) / 2)
    enough = np.flatnonzero((precision >= target) & (kept >= MIN_CORRECT_KEPT))
    if len(enough):
        at, criterion = int(enough[-1]), f"lowest with a precision of at least {100 * target:.1f} %"
    else:
        f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-12)
        at, criterion = (
            int(np.argmax(f1)),
            f"best F1: a precision of {100 * target:.1f} % would cost more than half of the correct predictions",
        )
    return Threshold(float(thresholds[at]), criterion, float(precision[at]), float(recall[at]))


def for_labels(scores: Floats, true: Flags) -> Threshold:
    """Suggest a threshold for several labels per image: the one with the best F1 over all labels; both (n, classes)."""
    if not true.any():
        return Threshold(None, "no labels", None, None)
    precision, recall, thresholds = metrics.precision_recall_curve(true.ravel(), scores.ravel())
    f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-12)
    at = int(np.argmax(f1))
    return Threshold(float(thresholds[at]), "best F1 over all labels", float(precision[at]), float(recall[at]))
