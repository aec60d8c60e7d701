"""The score below which an answer is better not given: suggested from pictures whose labels are known."""

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
"""Share of right answers that a threshold should give."""
ENOUGH = 0.5
"""Share of the right answers that it must leave."""


@dataclass(frozen=True, slots=True)
class Threshold:
    """A suggested threshold and what it does to the pictures it was found on; all 0..1."""

    suggested: float | None
    """None: no threshold helps."""
    criterion: str
    """For people: by what it was chosen."""
    precision: float | None
    """Right among the answers given."""
    recall: float | None
    """Right answers given, among all pictures (all labels, where there are several)."""

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "suggested": self.suggested,
            "criterion": self.criterion,
            "precision": self.precision,
            "recall": self.recall,
        }


def for_answers(best: Floats, right: Flags, strangers: Floats) -> Threshold:
    """For one label a picture: the lowest threshold at which enough of the answers given are right.

    ``best``, ``right``: (n,) the best score of each picture, and whether it is of the true class; ``strangers``: (m,) the
    best scores of pictures that show none of the classes: an answer to them is wrong. Enough is ``PRECISION``, or half of
    the wrong answers less, if that is more. If that would cost most of the right answers, the best F1 instead.
    """
    if not len(best):
        return Threshold(None, "no pictures", None, None)
    scores = np.concatenate([best, strangers])
    good = np.concatenate([right, np.zeros(len(strangers), bool)])
    precision, kept, thresholds = metrics.precision_recall_curve(good, scores)
    recall = kept * float(right.mean())
    target = max(PRECISION, 1 - (1 - float(precision[-1])) / 2)
    enough = np.flatnonzero((precision >= target) & (kept >= ENOUGH))
    if len(enough):
        at, criterion = int(enough[-1]), f"lowest with at least {100 * target:.1f} % of the answers right"
    else:
        f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-12)
        at, criterion = (
            int(np.argmax(f1)),
            f"best F1: {100 * target:.1f} % right answers would cost more than half of them",
        )
    return Threshold(float(thresholds[at]), criterion, float(precision[at]), float(recall[at]))


def for_labels(scores: Floats, true: Flags) -> Threshold:
    """For several labels a picture: the one threshold with the best F1 over all labels; both (n, classes)."""
    if not true.any():
        return Threshold(None, "no labels", None, None)
    precision, recall, thresholds = metrics.precision_recall_curve(true.ravel(), scores.ravel())
    f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-12)
    at = int(np.argmax(f1))
    return Threshold(float(thresholds[at]), "best F1 over all labels", float(precision[at]), float(recall[at]))
