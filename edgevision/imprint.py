"""New classes from a few pictures: the mean of their vectors becomes a row of a last layer of cosines.

H. Qi, M. Brown, D. G. Lowe, "Low-Shot Learning with Imprinted Weights", CVPR 2018: the normalised mean of the
normalised vectors. Before that the mean of vectors of other pictures is taken off, which all pictures have in common
(Y. Wang et al., "SimpleShot", 2019, arXiv 1911.04623). What follows, from similarities to scores, is our own:

- How near is near is learned from the pictures. A class's ``typical`` similarity is the median of each of its pictures
  to the mean of the rest, at most WIDEST_GAP above its ``rival`` one, which 5 % of other pictures exceed. Half way
  between, the evidence is 0; at ``typical`` it is TYPICAL_SCORE as log odds.
- The model's own classes stand together as one alternative of evidence 0. With evidence l(j) of the taught classes,
  score(j) = exp l(j) / (1 + sum exp l), and every score of the model's own is divided by (1 + sum exp l): where nothing
  taught is near, the model says what it said before, and all scores still add up to 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import log
from typing import TYPE_CHECKING

import numpy as np

from .embedding import unit

if TYPE_CHECKING:
    import numpy.typing as npt

    from .embedding import Vectors

TYPICAL_SCORE = 0.95
"""Of a picture as similar as the taught ones are to each other."""
RIVALS = 95.0
"""Percentile of other pictures' similarities that counts as theirs."""
MIN_OTHERS = 8
"""Vectors of other pictures that a mean is taken of, or a percentile."""
UNRELATED = 0.5
"""Similarity of pictures that have nothing in common, where there are no others to tell (measured: 0.3 to 0.6)."""
WIDEST_GAP = 0.3
"""Of similarity, between rival and typical: frames of one camera are more alike than the thing will be on other days."""
LEAST_GAP = 0.02
"""Of similarity, between typical and rival: below it the class cannot be told from other things."""
MAX_EVIDENCE = 20.0
"""Log odds beyond which there is nothing more to be said."""


@dataclass(frozen=True, slots=True, eq=False)
class TaughtClass:
    """A class and the pictures it was taught by."""

    number: int
    """Counts from 0 in the order of teaching; a forgotten number is not given again."""
    name: str
    vectors: Vectors
    """(pictures, size), of length 1."""


@dataclass(frozen=True, slots=True)
class Fit:
    """How well a class can be told from others; similarities are cosines, -1..1."""

    typical: float
    rival: float

    @property
    def separable(self) -> bool:
        """Whether its pictures are nearer to each other than other things are to them."""
        return self.typical - self.rival >= LEAST_GAP

    @property
    def middle(self) -> float:
        """Where the evidence is 0."""
        return (self.typical + self.rival) / 2

    @property
    def slope(self) -> float:
        """Log odds for each unit of similarity."""
        return log(TYPICAL_SCORE / (1 - TYPICAL_SCORE)) / max(self.typical - self.middle, LEAST_GAP / 2)


class Imprints:
    """Taught classes, ready to be compared with pictures."""

    def __init__(self, classes: Sequence[TaughtClass], others: Vectors) -> None:
        """``others``: vectors of pictures that show none of the classes, (n, size), of length 1; n may be 0."""
        self.classes = tuple(classes)
        self._mean = others.mean(axis=0) if len(others) >= MIN_OTHERS else np.zeros(others.shape[1], np.float32)
        centred = [unit(one.vectors - self._mean) for one in classes]
        rest = unit(others - self._mean)
        self._weights = np.stack([_mean_direction(vectors) for vectors in centred])
        # Taught classes compete with each other anyway; they set each other's thresholds only where nothing else does.
        rivals = [rest if len(rest) >= MIN_OTHERS else _all_but(n, rest, centred) for n in range(len(centred))]
        self.fits = tuple(_fit(*row) for row in zip(centred, self._weights, rivals, strict=True))
        self._middle = np.array([fit.middle for fit in self.fits])
        self._slope = np.array([fit.slope for fit in self.fits])

    def evidence(self, vector: Vectors) -> npt.NDArray[np.float64]:
        """Log odds of each taught class against the model's own, (classes,), for one vector (size,)."""
        similarity = self._weights @ unit(vector - self._mean)
        limited: npt.NDArray[np.float64] = np.clip(
            self._slope * (similarity - self._middle), -MAX_EVIDENCE, MAX_EVIDENCE
        )
        return limited


def combine(
    own: npt.NDArray[np.float32], evidence: npt.NDArray[np.float64], exclusive: bool
) -> npt.NDArray[np.float32]:
    """Scores 0..1 of the model's own classes, then of the taught ones: (own + taught,).

    ``exclusive``: one class a picture, the formula above. Else each taught class is judged for itself, 1 / (1 + exp -l).
    """
    odds = np.exp(evidence)
    if not exclusive:
        return np.concatenate([own, odds / (1.0 + odds)]).astype(np.float32)
    whole = 1.0 + odds.sum()
    return np.concatenate([own / whole, odds / whole]).astype(np.float32)


def _mean_direction(vectors: Vectors) -> Vectors:
    return unit(vectors.mean(axis=0))


def _fit(vectors: Vectors, weight: Vectors, others: Vectors) -> Fit:
    rival = float(np.percentile(others @ weight, RIVALS)) if len(others) >= MIN_OTHERS else _few(others, weight)
    widest = rival + WIDEST_GAP
    if len(vectors) < 2:  # one picture says nothing of how alike the next will be
        return Fit(widest, rival)
    total = vectors.sum(axis=0)
    similarity = [float(vector @ unit(total - vector)) for vector in vectors]
    return Fit(min(float(np.median(similarity)), widest), rival)


def _all_but(number: int, rest: Vectors, classes: Sequence[Vectors]) -> Vectors:
    return np.concatenate([rest, *classes[:number], *classes[number + 1 :]])


def _few(others: Vectors, weight: Vectors) -> float:
    return max([UNRELATED, *(float(one @ weight) for one in others)])
