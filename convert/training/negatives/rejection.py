"""The threshold for a wanted rate of false alarms, and what it costs, measured on images that did not choose it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from edgevision.evaluation.intervals import Proportion, proportion
from edgevision.evaluation.metrics import roc_auc

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float32]

STEPS = 1000
"""A threshold is a multiple of 1/STEPS."""


@dataclass(frozen=True, slots=True, eq=False)
class Rejection:
    """How well negatives are told from photos of the classes."""

    source: str
    """Where the negatives are from."""
    wanted: float
    """Wanted rate of false alarms, 0..1."""
    chosen_on: int
    """Number of negatives that chose the threshold."""
    rate: Proportion
    """False alarms on the other negatives."""
    auroc: float
    """Probability that a photo of a class scores higher than one of the other negatives."""
    photos: Floats
    """Best score of each photo, of the model that did not learn from it, (n,)."""
    negatives: Floats
    """Best score of each of the other negatives, (m,)."""

    def describe(self) -> str:
        """Return a sentence part on the false alarms."""
        rate, drawn = self.rate, ", which are drawings: photos cause more" if self.source == "drawn" else ""
        return (
            f"{rate.count} of {rate.total} other negatives got an answer ({100 * rate.value:.1f} %, 95 % interval "
            f"{100 * rate.low:.1f} to {100 * rate.high:.1f}{drawn}); wanted: {100 * self.wanted:g} %, chosen on "
            f"{self.chosen_on} negatives"
        )

    def to_json(self) -> dict[str, Any]:
        """Return the fields as JSON values."""
        rate = self.rate
        return {
            "source": self.source,
            "wanted": self.wanted,
            "chosen_on": self.chosen_on,
            "alarms": rate.count,
            "negatives": rate.total,
            "rate": {"value": rate.value, "low": rate.low, "high": rate.high},
            "auroc": self.auroc,
        }


def threshold_for(scores: Floats, wanted: float) -> float:
    """Return the lowest threshold that at most a share ``wanted`` of negatives reach; ``scores``: their best ones, (m,).

    With fewer than 1 / ``wanted`` negatives, none of them reaches it.
    """
    allowed = math.floor(wanted * len(scores) + 1e-9)
    first_rejected = float(np.sort(scores)[::-1][allowed])
    step = math.floor(STEPS * first_rejected) + 1
    if np.float32(step / STEPS) <= np.float32(
        first_rejected
    ):  # a score that is a multiple of 1/STEPS in single precision
        step += 1
    return min(1.0, step / STEPS)


def rejection(
    source: str, wanted: float, chosen_on: int, threshold: float, photos: Floats, negatives: Floats
) -> Rejection:
    """Measure a threshold on photos of the classes, (n,), and on negatives that did not choose it, (m,): best scores."""
    rate = proportion(int(np.count_nonzero(negatives >= np.float32(threshold))), len(negatives))
    assert rate is not None, "there are negatives to measure on"
    of_class = np.repeat([True, False], [len(photos), len(negatives)])
    area = roc_auc(of_class, np.concatenate([photos, negatives]))
    return Rejection(source, wanted, chosen_on, rate, 0.5 if area is None else area, photos, negatives)
