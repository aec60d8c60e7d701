"""Learn new classes from a few images: the mean of their feature vectors becomes a row of a cosine classifier.

The weight of a class is the normalized mean of its normalized vectors (H. Qi, M. Brown, D. G. Lowe, "Low-Shot Learning
with Imprinted Weights", CVPR 2018). Before that, the mean vector of other images, the part that all images share, is
subtracted (Y. Wang et al., "SimpleShot", 2019, arXiv 1911.04623). The step from similarities to scores is our own:

- The decision threshold is learned from the images. A class's ``typical`` similarity is the median similarity of each of
  its images to the mean of the others, at most WIDEST_GAP above ``rival``, the similarity that 5 % of other images
  exceed. Half way between the two the evidence is 0; at ``typical`` it is the log odds of TYPICAL_SCORE.
- The model's own classes together are one alternative with evidence 0. With evidence l(j) of the taught classes,
  score(j) = exp l(j) / (1 + sum exp l), and the scores of the model's own classes are divided by (1 + sum exp l). So the
  model's own scores stay the same if no taught class is near, and all scores still add up to 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import log
from typing import TYPE_CHECKING

import numpy as np

from .feature_vector import unit

if TYPE_CHECKING:
    import numpy.typing as npt

    from .feature_vector import Vectors

TYPICAL_SCORE = 0.95
"""Score of an image that is as similar to the taught ones as they are to each other."""
RIVALS = 95.0
"""Percentile of the similarities of other images that defines ``rival``."""
MIN_OTHERS = 8
"""Minimum number of vectors of other images for a mean or a percentile."""
UNRELATED = 0.5
"""Assumed similarity of unrelated images if there are no others to measure (measured: 0.3 to 0.6)."""
WIDEST_GAP = 0.3
"""Largest gap between rival and typical: frames of one session are more alike than images from other days will be."""
LEAST_GAP = 0.02
"""Smallest gap between typical and rival; below it the class cannot be separated from other things."""
MAX_EVIDENCE = 20.0
"""Limit of the evidence (log odds)."""


@dataclass(frozen=True, slots=True, eq=False)
class TaughtClass:
    """A taught class and the feature vectors of its images."""

    number: int
    """Number of the class, from 0 in the order of teaching; numbers of forgotten classes are not used again."""
    name: str
    vectors: Vectors
    """Feature vectors of length 1, (images, size)."""


@dataclass(frozen=True, slots=True)
class Fit:
    """How well a class can be separated from others; similarities are cosines, -1..1."""

    typical: float
    rival: float

    @property
    def separable(self) -> bool:
        """Whether its images are more similar to each other than other images are to them."""
        return self.typical - self.rival >= LEAST_GAP

    @property
    def middle(self) -> float:
        """Similarity at which the evidence is 0."""
        return (self.typical + self.rival) / 2

    @property
    def slope(self) -> float:
        """Log odds per unit of similarity."""
        return log(TYPICAL_SCORE / (1 - TYPICAL_SCORE)) / max(self.typical - self.middle, LEAST_GAP / 2)


class Imprints:
    """Taught classes, ready to be compared with the vectors of images."""

    def __init__(self, classes: Sequence[TaughtClass], others: Vectors) -> None:
        """Fit the classes; ``others``: vectors of images without these classes, (n, size), of length 1; n may be 0."""
        self.classes = tuple(classes)
        self._mean = others.mean(axis=0) if len(others) >= MIN_OTHERS else np.zeros(others.shape[1], np.float32)
        centred = [unit(one.vectors - self._mean) for one in classes]
        rest = unit(others - self._mean)
        self._weights = np.stack([_mean_direction(vectors) for vectors in centred])
        # Taught classes compete with each other anyway, so they set each other's thresholds only if nothing else can.
        rivals = [rest if len(rest) >= MIN_OTHERS else _all_but(n, rest, centred) for n in range(len(centred))]
        self.fits = tuple(_fit(*row) for row in zip(centred, self._weights, rivals, strict=True))
        self._middle = np.array([fit.middle for fit in self.fits])
        self._slope = np.array([fit.slope for fit in self.fits])

    def evidence(self, vector: Vectors) -> npt.NDArray[np.float64]:
        """Return the log odds of each taught class against the model's own, (classes,), for one vector (size,)."""
        similarity = self._weights @ unit(vector - self._mean)
        limited: npt.NDArray[np.float64] = np.clip(
            self._slope * (similarity - self._middle), -MAX_EVIDENCE, MAX_EVIDENCE
        )
        return limited


def combine(
    own: npt.NDArray[np.float32], evidence: npt.NDArray[np.float64], exclusive: bool
) -> npt.NDArray[np.float32]:
    """Return the scores 0..1 of the model's own classes, then of the taught ones: (own + taught,).

    ``exclusive``: one class per image, by the formula above. Otherwise each taught class is independent: 1 / (1 + exp -l).
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
    if len(vectors) < 2:  # one image does not show how similar the next one will be
        return Fit(widest, rival)
    total = vectors.sum(axis=0)
    similarity = [float(vector @ unit(total - vector)) for vector in vectors]
    return Fit(min(float(np.median(similarity)), widest), rival)


def _all_but(number: int, rest: Vectors, classes: Sequence[Vectors]) -> Vectors:
    return np.concatenate([rest, *classes[:number], *classes[number + 1 :]])


def _few(others: Vectors, weight: Vectors) -> float:
    return max([UNRELATED, *(float(one @ weight) for one in others)])
