"""How often a model names a class where none is to be seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .label_match import fold
from .stats import Share, share

if TYPE_CHECKING:
    import numpy.typing as npt

    Scores = npt.NDArray[np.float32]
    Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class FalseAlarms:
    """How often the model answers to pictures that show none of its classes."""

    rate: Share
    threshold: float
    """From which score an answer counts."""
    threshold_from: str
    """given, card or suggested."""

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        rate = {"value": self.rate.value, "low": self.rate.low, "high": self.rate.high}
        counts = {"alarms": self.rate.count, "pictures": self.rate.total}
        return {**rate, **counts, "threshold": self.threshold, "threshold_from": self.threshold_from}


def measure(
    strangers: Scores, background: int | None, choices: Sequence[tuple[str, float | None]]
) -> FalseAlarms | None:
    """Of pictures that show no class, scores (m, classes); None of no pictures.

    ``choices``: thresholds and where they are from; the first that is not None counts.
    """
    source, at = next(((name, value) for name, value in choices if value is not None), ("none", 0.0))
    rate = share(int(np.count_nonzero(answers(strangers, background) >= at)), len(strangers))
    return FalseAlarms(rate, at, source) if rate else None


def answers(strangers: Scores, background: int | None) -> Scores:
    """The best scores of pictures to which the model would name a class, (k,); to answer "background" is no alarm."""
    if not len(strangers):
        return np.zeros(0, np.float32)
    best = strangers.max(axis=1)
    found: Scores = best if background is None else best[strangers.argmax(axis=1) != background]
    return found


def background_class(labels: Sequence[str]) -> int | None:
    """The class that means none of the others, if a model has one."""
    return next((index for index, label in enumerate(labels) if fold(label) == "background"), None)
