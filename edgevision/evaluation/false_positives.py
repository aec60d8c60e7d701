"""False positives: how often a model predicts a class for images that show none of its classes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..datasets.label_matching import fold
from .intervals import Proportion, proportion

if TYPE_CHECKING:
    import numpy.typing as npt

    Scores = npt.NDArray[np.float32]
    Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class FalseAlarms:
    """The false positive rate of a model on negatives."""

    rate: Proportion
    """Proportion of negatives for which the model predicts a class."""
    threshold: float
    """Score from which a prediction counts, 0..1."""
    threshold_from: str
    """Origin of the threshold: given, card or suggested."""

    def to_json(self) -> dict[str, Any]:
        """Return the fields as JSON values."""
        rate = {"value": self.rate.value, "low": self.rate.low, "high": self.rate.high}
        counts = {"alarms": self.rate.count, "pictures": self.rate.total}
        return {**rate, **counts, "threshold": self.threshold, "threshold_from": self.threshold_from}


def measure(
    negatives: Scores, background: int | None, choices: Sequence[tuple[str, float | None]]
) -> FalseAlarms | None:
    """Measure the false positive rate from the scores of negatives, (m, classes); return None without negatives.

    ``choices``: origins and thresholds; the first threshold that is not None is used.
    """
    source, at = next(((name, value) for name, value in choices if value is not None), ("none", 0.0))
    rate = proportion(int(np.count_nonzero(answers(negatives, background) >= at)), len(negatives))
    return FalseAlarms(rate, at, source) if rate else None


def answers(negatives: Scores, background: int | None) -> Scores:
    """Return the best scores of negatives for which the model predicts a class other than background, (k,)."""
    if not len(negatives):
        return np.zeros(0, np.float32)
    best = negatives.max(axis=1)
    found: Scores = best if background is None else best[negatives.argmax(axis=1) != background]
    return found


def rejected_scores(negatives: Scores, background: int | None) -> Scores:
    """Return the best score of each negative, (m,): 0 if the model answers background, which is not a false alarm."""
    best = negatives.max(axis=1)
    found: Scores = best if background is None else np.where(negatives.argmax(axis=1) == background, 0, best)
    return found


def background_class(labels: Sequence[str]) -> int | None:
    """Return the index of the background class, or None if the model has none."""
    return next((index for index, label in enumerate(labels) if fold(label) == "background"), None)
