"""Two models on the same pictures: how often they answer alike, and what changing from one to the other would change."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from . import metrics
from .judgement import Judgement
from .stats import Difference, Share, paired_difference, share

if TYPE_CHECKING:
    import numpy.typing as npt

    Scores = npt.NDArray[np.float32]

LISTED = 100
"""Disagreements that are kept, those first in which only one of the models is right."""


@dataclass(frozen=True, slots=True)
class Disagreement:
    """One picture on which the models differ."""

    index: int
    true: str
    answers: tuple[str, str]
    """Of the first model and of the other."""
    scores: tuple[float, float]
    """How sure each was, 0..1."""
    right: tuple[bool, bool]


@dataclass(frozen=True, slots=True)
class Comparison:
    """The other model against the first."""

    agreement: Share
    """Same answer; of equal scores the lowest index counts as best."""
    change: Difference
    """Accuracy of the other minus that of the first, paired, -1..1."""
    kl: float | None
    """Mean divergence of the other's scores from the first's, nats; None for several labels or other classes."""
    disagreements: tuple[Disagreement, ...]

    def to_json(self, paths: Sequence[str]) -> dict[str, Any]:
        """The fields that ``compare`` has beside the other model's measures."""
        same, change = self.agreement, self.change
        return {
            "agreement": {
                "value": same.value,
                "low": same.low,
                "high": same.high,
                "same": same.count,
                "total": same.total,
            },
            "accuracy_change_points": {
                "value": 100 * change.value,
                "low": 100 * change.low,
                "high": 100 * change.high,
            },
            "kl": self.kl,
            "disagreements": [
                {
                    "path": paths[one.index],
                    "true": one.true,
                    "predicted": one.answers[0],
                    "score": one.scores[0],
                    "other_predicted": one.answers[1],
                    "other_score": one.scores[1],
                }
                for one in self.disagreements
            ],
        }


def compare(first: Judgement, other: Judgement) -> Comparison:
    """Both judged on the same pictures, in the same order."""
    answers = (_answers(first), _answers(other))
    if _same_classes(first, other):  # by number: names may repeat
        alike = (first.predicted == other.predicted).all(axis=1)
    else:
        alike = np.array([a == b for a, b in zip(*answers, strict=True)])
    agreement = share(int(alike.sum()), len(alike))
    assert agreement is not None, "there is at least one picture"
    a, b = first.right, other.right
    counts = (int((x & y).sum()) for x, y in ((a, b), (a, ~b), (~a, b), (~a, ~b)))
    return Comparison(
        agreement, paired_difference(*counts), _kl(first, other), _disagreements(first, other, answers, alike)
    )


def _same_classes(first: Judgement, other: Judgement) -> bool:
    return first.labels == other.labels and first.scores.shape == other.scores.shape


def _answers(one: Judgement) -> list[str]:
    return ["|".join(one.name(int(c)) for c in np.flatnonzero(row)) for row in one.predicted]


def _kl(first: Judgement, other: Judgement) -> float | None:
    if first.multilabel or other.multilabel or not _same_classes(first, other):
        return None
    return float(metrics.divergence(first.scores, other.scores).mean())


def _disagreements(
    first: Judgement, other: Judgement, answers: tuple[list[str], list[str]], alike: npt.NDArray[np.bool_]
) -> tuple[Disagreement, ...]:
    found = [_disagreement(first, other, answers, int(index)) for index in np.flatnonzero(~alike)]
    found.sort(key=lambda one: (one.right[0] == one.right[1], -max(one.scores)))
    return tuple(found[:LISTED])


def _disagreement(first: Judgement, other: Judgement, answers: tuple[list[str], list[str]], index: int) -> Disagreement:
    true = "|".join(first.name(int(c)) for c in np.flatnonzero(first.true[index]))
    sure = (float(first.scores[index].max()), float(other.scores[index].max()))
    right = (bool(first.right[index]), bool(other.right[index]))
    return Disagreement(index, true, (answers[0][index], answers[1][index]), sure, right)
