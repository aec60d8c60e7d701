"""Learning curve: the accuracy of a linear head with fewer photos, extrapolated to more.

The error falls with the number of photos m about as c + a * m**-b (C. Cortes et al., 1993, Learning Curves: Asymptotic
Values and Rate of Convergence, NIPS 6; R. L. Figueroa et al., 2012, Predicting sample size required for classification
performance, BMC Medical Informatics and Decision Making 12:8). The interval is that of a Bayesian bootstrap over the photos
(D. B. Rubin, 1981, Annals of Statistics 9, 130-134).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .cross_validation import Probe, folds, held_out_logits, one_thread

if TYPE_CHECKING:
    import numpy.typing as npt

    Doubles = npt.NDArray[np.float64]
    Indices = npt.NDArray[np.intp]

DRAWS = 4
"""Random orders in which the photos are taken."""
SHARES = (0.125, 0.25, 0.375, 0.5, 0.75, 1.0)
"""Sizes of the nested subsets, as shares of the photos outside the held-out fold."""
MIN_PER_CLASS = 2
MIN_SIZES = 3
"""Sizes from which a curve can be fitted."""
MORE = (2, 4)
"""Factors of the number of photos to predict."""
EXPONENTS = tuple(0.1 * step for step in range(1, 16))
RESAMPLES = 2000


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """Accuracy with a number of photos, and its 95 % interval, all 0..1."""

    photos: int
    accuracy: float
    low: float
    high: float

    def describe(self) -> str:
        """Return ``93.1 % (91.5 to 94.4)``."""
        return f"{100 * self.accuracy:.1f} % ({100 * self.low:.1f} to {100 * self.high:.1f})"

    def to_json(self) -> dict[str, Any]:
        """Return the fields as JSON values."""
        return {"photos": self.photos, "accuracy": self.accuracy, "low": self.low, "high": self.high}


@dataclass(frozen=True, slots=True)
class LearningCurve:
    """What more photos would bring, for a linear head on the frozen network."""

    photos: int
    """Number of photos that it was measured on."""
    measured: tuple[CurvePoint, ...]
    """Cross-validated accuracy with parts of the photos."""
    predicted: tuple[CurvePoint, ...]
    """Extrapolated accuracy with MORE times as many photos."""

    def describe(self) -> str:
        """Return a sentence for the user."""
        twice, now = self.predicted[0], self.measured[-1]
        return (
            f"with {now.photos} of your {self.photos} photos: {now.describe()}; "
            f"with twice the photos, extrapolated: {twice.describe()}"
        )

    def to_json(self) -> dict[str, Any]:
        """Return the fields as JSON values."""
        return {
            "photos": self.photos,
            "measured": [point.to_json() for point in self.measured],
            "predicted": [point.to_json() for point in self.predicted],
        }


def learning_curve(probe: Probe, strength: float, seed: int) -> LearningCurve | None:
    """Measure and extrapolate the curve; None if there are too few distinct photos for MIN_SIZES sizes.

    ``strength``: of the fits, as chosen for all photos.
    """
    with one_thread():
        found = _mistakes(probe.rotated(), strength, seed)
    if found is None:
        return None
    sizes, wrong = found
    errors = _resampled(wrong, seed)
    targets = np.array([factor * len(probe) for factor in MORE], np.float64)
    ahead = _extrapolated(sizes, errors, targets)
    return LearningCurve(
        len(probe),
        tuple(_point(size, row) for size, row in zip(sizes, errors, strict=True)),
        tuple(_point(size, row) for size, row in zip(targets, ahead, strict=True)),
    )


def _point(photos: float, errors: Doubles) -> CurvePoint:
    high, middle, low = (1.0 - float(value) for value in np.quantile(errors, (0.025, 0.5, 0.975)))
    return CurvePoint(round(photos), middle, low, high)


def _mistakes(probe: Probe, strength: float, seed: int) -> tuple[Doubles, Doubles] | None:
    """Return the sizes (sizes,) and the share of draws in which each photo was answered wrongly, (sizes, n)."""
    parts = [(draw, part) for draw in range(DRAWS) for part in folds(probe, True, seed + draw)]
    wrong, used, possible = np.zeros((len(SHARES), len(probe))), np.zeros(len(SHARES)), np.ones(len(SHARES), bool)
    for draw, (train, held) in parts:
        order = _stratified(probe.classes[train], np.random.default_rng([seed, draw, int(held[0])]))
        for at, share in enumerate(SHARES):
            some = train[order[: round(share * len(train))]]
            if not possible[at] or _rarest(probe, some) < MIN_PER_CLASS:
                possible[at] = False
                continue
            logits = held_out_logits(probe, some, held, strength)
            wrong[at, held] += ~probe.goal.measure(probe.targets[held], logits)[1] / DRAWS
            used[at] += len(some) / len(parts)
    return (used[possible], wrong[possible]) if parts and possible.sum() >= MIN_SIZES else None


def _stratified(classes: Indices, random: np.random.Generator) -> Indices:
    """Return a random order of images in which every beginning has the same share of each class."""
    place = np.empty(len(classes))
    for one in np.unique(classes):
        rows = np.flatnonzero(classes == one)
        place[random.permutation(rows)] = (np.arange(len(rows)) + random.uniform(0.3, 0.7)) / len(rows)
    return np.argsort(place)


def _rarest(probe: Probe, rows: Indices) -> int:
    """Return the number of images of the rarest class among some."""
    classes = probe.classes
    return int(min(np.count_nonzero(classes[rows] == one) for one in np.unique(classes)))


def _resampled(wrong: Doubles, seed: int) -> Doubles:
    """Return the error at each size for RESAMPLES weightings of the photos, (sizes, resamples).

    Half a photo is added that is always right and half a one that is always wrong (Jeffreys' prior), so that a set without
    mistakes does not promise a perfect model.
    """
    random, n = np.random.default_rng([seed, 1]), wrong.shape[1]
    weights = random.dirichlet(np.concatenate([np.ones(n), [0.5, 0.5]]), RESAMPLES)
    return np.asarray(wrong @ weights[:, :n].T + weights[:, n])


def _extrapolated(sizes: Doubles, errors: Doubles, targets: Doubles) -> Doubles:
    """Fit c + a * m**-b with a and c of at least 0 to each column of (sizes, resamples), and return it at the targets.

    Larger sizes count more, since they are nearer to the targets (Figueroa et al.).
    """
    weight = (sizes / sizes.max())[:, np.newaxis]
    best, found = np.full(errors.shape[1], np.inf), np.zeros((len(targets), errors.shape[1]))
    for exponent in EXPONENTS:
        falling = (sizes / sizes.max())[:, np.newaxis] ** -exponent
        constant, slope = _fitted_line(falling, errors, weight)
        misfit = (weight * np.square(constant + slope * falling - errors)).sum(axis=0)
        better = misfit < best
        best[better] = misfit[better]
        ahead = constant + slope * (targets / sizes.max())[:, np.newaxis] ** -exponent
        found[:, better] = ahead[:, better]
    return np.clip(found, 0.0, 1.0)


def _fitted_line(x: Doubles, y: Doubles, weight: Doubles) -> tuple[Doubles, Doubles]:
    """Return constant and slope, both at least 0, of the weighted least squares of y (sizes, n) over x (sizes, 1)."""
    total = weight.sum()
    mean_x, mean_y = (weight * x).sum() / total, (weight * y).sum(axis=0) / total
    slope = (weight * (x - mean_x) * (y - mean_y)).sum(axis=0) / (weight * np.square(x - mean_x)).sum()
    slope = np.maximum(slope, 0.0)
    constant = mean_y - slope * mean_x
    through_zero = (weight * x * y).sum(axis=0) / (weight * np.square(x)).sum()
    return np.maximum(constant, 0.0), np.where(constant < 0, through_zero, slope)
