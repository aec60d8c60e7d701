"""Whether a second model is at least as good as the first on the same images: overall, and for each class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import comb
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from .intervals import Difference, paired_difference

if TYPE_CHECKING:
    import numpy.typing as npt

    from .measures import ClassificationMetrics

    Flags = npt.NDArray[np.bool_]

Verdict = Literal["better", "not_worse", "unclear", "worse"]
ALPHA = 0.05
"""Probability of chance from which on a loss counts as real."""
MIN_IMAGES = 10
"""Fewer images cannot tell two models apart."""
TOLERATED_SHARE, TOLERATED_IMAGES = 0.01, 1
"""Net loss that is not held against a model: what training again with another seed changes."""
FORGOTTEN_SHARE, FORGOTTEN_IMAGES = 0.1, 2
"""Net loss of one class above which it counts as forgotten, even if chance cannot be excluded."""


@dataclass(frozen=True, slots=True)
class Pairs:
    """Answers of two models to the same images."""

    both: int
    """Images that both answer correctly."""
    lost: int
    """Images that only the first model answers correctly."""
    gained: int
    """Images that only the second model answers correctly."""
    neither: int

    @property
    def images(self) -> int:
        """Number of all images."""
        return self.both + self.lost + self.gained + self.neither

    @property
    def first_correct(self) -> int:
        """Number of images that the first model answers correctly."""
        return self.both + self.lost

    @property
    def second_correct(self) -> int:
        """Number of images that the second model answers correctly."""
        return self.both + self.gained

    @property
    def p_worse(self) -> float:
        """Probability of losing at least so many by chance; see ``chance_of_loss``."""
        return chance_of_loss(self.lost, self.gained)


@dataclass(frozen=True, slots=True)
class ClassChange:
    """The change of one class."""

    name: str
    pairs: Pairs
    p_worse: float
    """Probability of chance, 0..1, corrected for the number of classes."""

    @property
    def forgotten(self) -> bool:
        """Whether the second model no longer knows the class as the first did."""
        net = self.pairs.lost - self.pairs.gained
        much = net > max(FORGOTTEN_IMAGES, FORGOTTEN_SHARE * self.pairs.images)
        return much or (net > 0 and self.p_worse <= ALPHA)

    def describe(self) -> str:
        """Return the change, such as ``cat (8 of 10 before, 3 now)``."""
        return (
            f"{self.name} ({self.pairs.first_correct} of {self.pairs.images} before, {self.pairs.second_correct} now)"
        )


@dataclass(frozen=True, slots=True)
class PairedResult:
    """Two models on the same images: overall, and per class."""

    pairs: Pairs
    classes: tuple[ClassChange, ...]
    """Classes that have images, in the order of the first model's labels."""

    @property
    def change(self) -> Difference:
        """Accuracy of the second model minus that of the first, -1..1, with its paired 95 % confidence interval."""
        one = self.pairs
        return paired_difference(one.both, one.lost, one.gained, one.neither)

    @property
    def forgotten(self) -> tuple[ClassChange, ...]:
        """The classes that the second model no longer knows as the first did."""
        return tuple(one for one in self.classes if one.forgotten)

    @property
    def verdict(self) -> Verdict:
        """``worse`` if a loss is beyond chance or a class is forgotten, ``unclear`` if it may be chance.

        Only ``better`` and ``not_worse`` say that the second model can replace the first.
        """
        one = self.pairs
        if (one.p_worse <= ALPHA and one.lost > one.gained) or self.forgotten:
            return "worse"
        tolerated = max(TOLERATED_IMAGES, TOLERATED_SHARE * one.images)
        if one.images < MIN_IMAGES or one.lost - one.gained > tolerated:
            return "unclear"
        return "better" if self.change.low > 0 else "not_worse"

    def to_json(self) -> dict[str, Any]:
        """Return the fields as JSON values."""
        change = self.change
        return {
            **_pairs_json(self.pairs),
            "change_points": {"value": 100 * change.value, "low": 100 * change.low, "high": 100 * change.high},
            "p_worse": self.pairs.p_worse,
            "per_class": [
                {"name": one.name, **_pairs_json(one.pairs), "p_worse": one.p_worse, "forgotten": one.forgotten}
                for one in self.classes
            ],
        }


def compare_pairs(first: ClassificationMetrics, second: ClassificationMetrics) -> PairedResult:
    """Compare two models that answered the same images in the same order; the second may have more classes.

    An image of a classifier is correct if the best class is; of a multi-label model, if all labels are. A class of a
    multi-label model is measured on all images: whether that label is correct.
    """
    names = [first.name(index) for index in range(first.scores.shape[1])]
    if first.multilabel:
        places = [second.labels.index(name) for name in names]
        each = [
            _pairs(first.true[:, at] == first.predicted[:, at], second.true[:, to] == second.predicted[:, to])
            for at, to in enumerate(places)
        ]
    else:
        each = [_pairs(first.right[rows], second.right[rows]) for rows in first.true.T]
    known = [(name, pairs) for name, pairs in zip(names, each, strict=True) if pairs.images]
    chances = corrected([pairs.p_worse for _, pairs in known])
    classes = tuple(ClassChange(name, pairs, p) for (name, pairs), p in zip(known, chances, strict=True))
    return PairedResult(_pairs(first.right, second.right), classes)


def chance_of_loss(lost: int, gained: int) -> float:
    """Return the probability that at least ``lost`` of the differing images are lost if both models are equally good.

    This is the exact one-sided form of the test of Q. McNemar (1947, Psychometrika 12, 153-157): under equality each
    image that the models answer differently is lost with probability one half. It holds for any number of images.
    """
    n = lost + gained
    ways: int = sum(comb(n, k) for k in range(lost, n + 1))
    return ways / (1 << n)


def corrected(chances: Sequence[float]) -> list[float]:
    """Return probabilities corrected for their number (S. Holm, 1979, Scandinavian Journal of Statistics 6, 65-70)."""
    order = sorted(range(len(chances)), key=lambda at: chances[at])
    found, highest = [0.0] * len(chances), 0.0
    for rank, at in enumerate(order):
        highest = max(highest, min(1.0, (len(chances) - rank) * chances[at]))
        found[at] = highest
    return found


def _pairs(first: Flags, second: Flags) -> Pairs:
    a, b = first, second
    both, lost, gained, neither = (int(one.sum()) for one in (a & b, a & ~b, ~a & b, ~a & ~b))
    return Pairs(both, lost, gained, neither)


def _pairs_json(pairs: Pairs) -> dict[str, int]:
    return {
        "pictures": pairs.images,
        "old_correct": pairs.first_correct,
        "new_correct": pairs.second_correct,
        "lost": pairs.lost,
        "gained": pairs.gained,
    }
