"""Confidence intervals of average precision by drawing the images again, with replacement.

B. Efron, R. Tibshirani, 1993, An Introduction to the Bootstrap, section 14.3 (bias-corrected percentiles, without
acceleration). Whole images are drawn, because the objects of one image are not independent of each other.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np

from ..intervals import Z_95, wilson
from .average_precision import RECALL_POINTS
from .matching import IOU_THRESHOLDS, Matches
from .metrics import DetectionMetrics, by_score

if TYPE_CHECKING:
    import numpy.typing as npt

    Doubles = npt.NDArray[np.float64]
    Singles = npt.NDArray[np.float32]
    Indices = npt.NDArray[np.int64]
    Flags = npt.NDArray[np.bool_]

NORMAL = NormalDist()
DRAWS = 400
"""Number of resampled sets; without a bias, the ends of an interval are then its 10th lowest and highest values."""
MIN_BELOW = 1 / DRAWS
"""Smallest share of resampled values below the measured one that is believed, so that the correction stays finite."""
MAX_VALUES = 8_000_000
"""Largest number of values of one array; more draws are done in turns."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A measured value with its 95 % confidence interval; None without objects."""

    value: float | None
    low: float | None
    high: float | None

    def to_json(self, factor: float = 1.0) -> dict[str, float | None]:
        """Return the fields as JSON values, multiplied by ``factor``."""
        values = {"value": self.value, "low": self.low, "high": self.high}
        return {name: None if value is None else factor * value for name, value in values.items()}


@dataclass(frozen=True, slots=True, eq=False)
class ResampledPrecision:
    """Mean average precision of one detector on each resampled set, NaN without objects, shape (DRAWS,)."""

    map50: Doubles
    map50_95: Doubles


def draw_images(images: int, seed: int = 0) -> Singles:
    """Return how often each image is in each resampled set, shape (DRAWS, images); the same for every detector."""
    chance = np.random.default_rng(seed)
    return chance.multinomial(images, np.full(images, 1 / max(images, 1)), size=DRAWS).astype(np.float32)


def resample(metrics: DetectionMetrics, weights: Singles) -> ResampledPrecision:
    """Compute the mean average precision of each resampled set. ``weights``: by ``draw_images``."""
    matches = metrics.matches
    per_class = [_of_class(matches, one.index, weights) for one in metrics.per_class if one.objects]
    if not per_class:
        nothing = np.full(len(weights), np.nan)
        return ResampledPrecision(nothing, nothing)
    return ResampledPrecision(*(_mean([values[n] for values in per_class]) for n in (0, 1)))


def interval(value: float | None, draws: Doubles) -> Interval:
    """Return a value with the bias-corrected percentile interval of its resampled values.

    Average precision needs the correction: it is the higher, the fewer distinct images there are, because the highest
    precision counts at each recall.
    """
    known = draws[np.isfinite(draws)]
    if value is None or not len(known):
        return Interval(value, None, None)
    below = (np.count_nonzero(known < value) + np.count_nonzero(known <= value)) / (2 * len(known))
    shift = 2 * NORMAL.inv_cdf(min(max(below, MIN_BELOW), 1 - MIN_BELOW))
    ends = [100 * NORMAL.cdf(shift - Z_95), 100 * NORMAL.cdf(shift + Z_95)]
    low, high = np.percentile(known, ends)
    return Interval(value, float(min(low, value)), float(max(high, value)))


def ratio_interval(part: Doubles, whole: Doubles, weights: Singles) -> Interval:
    """Return the ratio of two sums over images, (images,), with its interval; None where ``whole`` is 0.

    Drawing the images again cannot tell how far 0 or 1 may be off; then it is the Wilson interval of as many images.
    """
    total = float(whole.sum())
    if not total:
        return Interval(None, None, None)
    value = float(part.sum()) / total
    if value in (0.0, 1.0):
        images = int(np.count_nonzero(whole))
        return Interval(value, *wilson(round(value * images), images))
    with np.errstate(invalid="ignore", divide="ignore"):
        draws = (weights @ part) / (weights @ whole)
    return interval(value, draws)


def _of_class(matches: Matches, label: int, weights: Singles) -> tuple[Doubles, Doubles]:
    """Return the AP at IoU 0.5 and the mean AP of one class in each resampled set; NaN without objects."""
    order = by_score(matches, label)
    # Predictions after the last one that is correct at any overlap change nothing.
    last = np.flatnonzero(matches.correct[order].any(axis=1))[-1:]
    order = order[: int(last[0]) + 1] if len(last) else order[:0]
    image, correct = matches.predicted.image[order], matches.correct[order]
    wrong = ~correct & ~matches.ignored[order]
    objects = weights[:, matches.true.image[~matches.truth_ignored & (matches.true.label == label)]].sum(axis=1)
    found = np.zeros((len(weights), len(IOU_THRESHOLDS)))
    for part in _turns(len(order), len(weights)):
        drawn = weights[part][:, image]
        for at in range(len(IOU_THRESHOLDS)):
            found[part, at] = _precision(correct[:, at], wrong[:, at], drawn, objects[part])
    found[objects == 0] = np.nan
    return found[:, 0], found.mean(axis=1)


def _precision(correct: Flags, wrong: Flags, drawn: Singles, objects: Singles) -> Doubles:
    """Return the average precision with weighted predictions, (draws, n), best first; see ``sampled_precision``."""
    at = np.flatnonzero(correct)  # the sampled precision is always that of a correct prediction
    if not len(at):
        return np.zeros(len(drawn))
    right = np.cumsum(drawn[:, at], axis=1).astype(np.float64)  # whole numbers, which float32 holds exactly up to 2^24
    errors = np.cumsum(drawn * wrong, axis=1)[:, at]
    precision = right / np.maximum(right + errors, 1)
    envelope = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    recall = right / np.maximum(objects.astype(np.float64), 1)[:, None]
    place = np.stack([np.searchsorted(one, RECALL_POINTS) for one in recall])
    sampled = np.take_along_axis(envelope, np.minimum(place, len(at) - 1), axis=1)
    means: Doubles = np.where(place < len(at), sampled, 0.0).mean(axis=1)
    return means


def _turns(values: int, draws: int) -> Iterator[slice]:
    size = max(1, MAX_VALUES // max(values, 1))
    yield from (slice(start, start + size) for start in range(0, draws, size))


def _mean(values: list[Doubles]) -> Doubles:
    """Return the mean over the classes that have objects in a resampled set."""
    stacked = np.stack(values)
    known = np.isfinite(stacked)
    total = np.where(known, stacked, 0.0).sum(axis=0)
    means: Doubles = np.divide(total, known.sum(axis=0), out=np.full(len(total), np.nan), where=known.any(axis=0))
    return means
