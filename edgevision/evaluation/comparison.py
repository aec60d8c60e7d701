"""Comparison of two models on the same images: agreement, and change of accuracy from one to the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from . import metrics
from .intervals import Difference, Proportion, paired_difference, proportion
from .measures import ClassificationMetrics

if TYPE_CHECKING:
    import numpy.typing as npt

    Scores = npt.NDArray[np.float32]

LISTED = 100
"""Number of disagreements that are kept. Those where only one model is correct come first."""


@dataclass(frozen=True, slots=True)
class Disagreement:
    """One image for which the models differ."""

    index: int
    """Index of the image."""
    true: str
    """True labels, separated by ``|``."""
    answers: tuple[str, str]
    """Predictions of the first and of the other model."""
    scores: tuple[float, float]
    """Best scores of the two models, 0..1."""
    right: tuple[bool, bool]
    """Whether each model is correct."""


@dataclass(frozen=True, slots=True)
class ModelComparison:
    """The other model compared with the first."""

    agreement: Proportion
    """Proportion of images with the same prediction. On ties the lowest index is the prediction."""
    change: Difference
    """Accuracy of the other model minus that of the first, paired by image, -1..1."""
    kl: float | None
    """Mean KL divergence of the other's scores from the first's in nats; None for multi-label or different classes."""
    disagreements: tuple[Disagreement, ...]
    """Images for which the models differ."""

    def to_json(self, paths: Sequence[str]) -> dict[str, Any]:
        """Return the fields that ``compare`` has in addition to the other model's measures."""
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


def compare(first: ClassificationMetrics, other: ClassificationMetrics) -> ModelComparison:
    """Compare the results of two models on the same images in the same order."""
    answers = (_answers(first), _answers(other))
    if _same_classes(first, other):  # compare by index, because names may repeat
        alike = (first.predicted == other.predicted).all(axis=1)
    else:
        alike = np.array([a == b for a, b in zip(*answers, strict=True)])
    agreement = proportion(int(alike.sum()), len(alike))
    assert agreement is not None, "there is at least one image"
    a, b = first.right, other.right
    counts = (int((x & y).sum()) for x, y in ((a, b), (a, ~b), (~a, b), (~a, ~b)))
    return ModelComparison(
        agreement, paired_difference(*counts), _kl(first, other), _disagreements(first, other, answers, alike)
    )


def _same_classes(first: ClassificationMetrics, other: ClassificationMetrics) -> bool:
    return first.labels == other.labels and first.scores.shape == other.scores.shape


def _answers(one: ClassificationMetrics) -> list[str]:
    return ["|".join(one.name(int(c)) for c in np.flatnonzero(row)) for row in one.predicted]


def _kl(first: ClassificationMetrics, other: ClassificationMetrics) -> float | None:
    if first.multilabel or other.multilabel or not _same_classes(first, other):
        return None
    return float(metrics.divergence(first.scores, other.scores).mean())


def _disagreements(
    first: ClassificationMetrics,
    other: ClassificationMetrics,
    answers: tuple[list[str], list[str]],
    alike: npt.NDArray[np.bool_],
) -> tuple[Disagreement, ...]:
    found = [_disagreement(first, other, answers, int(index)) for index in np.flatnonzero(~alike)]
    found.sort(key=lambda one: (one.right[0] == one.right[1], -max(one.scores)))
    return tuple(found[:LISTED])


def _disagreement(
    first: ClassificationMetrics, other: ClassificationMetrics, answers: tuple[list[str], list[str]], index: int
) -> Disagreement:
    true = "|".join(first.name(int(c)) for c in np.flatnonzero(first.true[index]))
    sure = (float(first.scores[index].max()), float(other.scores[index].max()))
    right = (bool(first.right[index]), bool(other.right[index]))
    return Disagreement(index, true, (answers[0][index], answers[1][index]), sure, right)
