"""Metrics of a classifier in plain numpy, from scores and true labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.floating]
    Doubles = npt.NDArray[np.float64]
    Indices = npt.NDArray[np.int64]
    Flags = npt.NDArray[np.bool_]

FLOOR = 1.0 / 512
"""Half a step of an 8-bit score. Below it, a divergence would measure only noise."""


@dataclass(frozen=True, slots=True)
class ClassMeasures:
    """Precision, recall and F1 per class, 0..1, shape (classes,); NaN if the denominator is 0."""

    precision: Doubles
    """Proportion of the predictions of this class that are correct; NaN for a class that was never predicted."""
    recall: Doubles
    """Proportion of the images of this class that were predicted; NaN for a class without images."""
    f1: Doubles
    """2 tp / (2 tp + fp + fn); NaN for a class that has no images and was never predicted."""
    support: Indices
    """Number of images of the class."""
    answered: Indices
    """Number of predictions of the class."""
    found: Indices
    """Number of correct predictions of the class."""


@dataclass(frozen=True, slots=True)
class Averages:
    """Averaged precision, recall and F1, 0..1; None without images."""

    precision: float | None
    recall: float | None
    f1: float | None

    def to_json(self) -> dict[str, float | None]:
        """Return the fields as JSON values."""
        return {"precision": self.precision, "recall": self.recall, "f1": self.f1}


@dataclass(frozen=True, slots=True)
class Bin:
    """One bin of a reliability diagram."""

    low: float
    high: float
    count: int
    confidence: float | None
    """Mean score in the bin; None for an empty bin."""
    accuracy: float | None
    """Proportion of correct predictions in the bin."""

    def to_json(self) -> dict[str, float | int | None]:
        """Return the fields as JSON values."""
        return {name: getattr(self, name) for name in ("low", "high", "count", "confidence", "accuracy")}


def confusion(true: Indices, predicted: Indices, classes: int) -> Indices:
    """Return the confusion matrix, shape (classes, classes); rows are true classes, columns are predictions."""
    return np.bincount(true * classes + predicted, minlength=classes * classes).reshape(classes, classes)


def multilabel_confusion(true: Flags, predicted: Flags) -> Indices:
    """Return the confusion per class, [[tn, fp], [fn, tp]], shape (classes, 2, 2); both inputs are (n, classes)."""
    cells = [(~true & ~predicted), (~true & predicted), (true & ~predicted), (true & predicted)]
    return np.stack([cell.sum(axis=0) for cell in cells], axis=-1).reshape(-1, 2, 2)


def in_top(scores: Floats, true: Indices, count: int) -> Flags:
    """Return whether the true class is among the ``count`` best, shape (n,). On ties the lowest index is better."""
    own = scores[np.arange(len(true)), true][:, None]
    before = np.arange(scores.shape[1])[None] < true[:, None]
    better = (scores > own) | ((scores == own) & before)
    found: Flags = better.sum(axis=1) < count
    return found


def ties(scores: Floats) -> int:
    """Return the number of images whose best score is shared by several classes."""
    return int(np.count_nonzero((scores == scores.max(axis=1, keepdims=True)).sum(axis=1) > 1))


def per_class(matrix: Indices) -> ClassMeasures:
    """Compute the measures per class from a confusion matrix (classes, classes) or, for multi-label, (classes, 2, 2)."""
    if matrix.ndim == 3:
        found, support, answered = matrix[:, 1, 1], matrix[:, 1].sum(axis=1), matrix[:, :, 1].sum(axis=1)
    else:
        found, support, answered = np.diagonal(matrix), matrix.sum(axis=1), matrix.sum(axis=0)
    return ClassMeasures(
        _ratio(found, answered), _ratio(found, support), _ratio(2 * found, support + answered), support, answered, found
    )


def macro(measures: ClassMeasures) -> Averages:
    """Return the mean over the classes with images. The precision of a class that was never predicted counts as 0."""
    return _averages(measures, (measures.support > 0).astype(np.float64))


def weighted(measures: ClassMeasures) -> Averages:
    """Return the mean weighted by images per class. The precision of a class that was never predicted counts as 0."""
    return _averages(measures, measures.support.astype(np.float64))


def micro(measures: ClassMeasures) -> Averages:
    """Return the measures over all predictions together. With one label per image, all three equal the accuracy."""
    found, support, answered = (int(v.sum()) for v in (measures.found, measures.support, measures.answered))
    precision = found / answered if answered else None
    recall = found / support if support else None
    return Averages(precision, recall, 2 * found / (support + answered) if support + answered else None)


def roc_auc(positive: Flags, scores: Floats) -> float | None:
    """Return the probability that a positive scores higher than a negative (ties count half); None without both kinds.

    Computed from ranks (H. B. Mann and D. R. Whitney, 1947); equal scores share their mean rank.
    """
    many, few = int(np.count_nonzero(positive)), int(np.count_nonzero(~positive))
    if not many or not few:
        return None
    _, place, count = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(count) - (count - 1) / 2)[place]
    return float((ranks[positive].sum() - many * (many + 1) / 2) / (many * few))


def average_precision(positive: Flags, scores: Floats) -> float | None:
    """Return the area under the precision-recall steps, the sum of (R_k - R_k-1) P_k; None without positives.

    Equal scores form one step, so the order of the images does not matter.
    """
    if not positive.any():
        return None
    precision, recall, _ = precision_recall_curve(positive, scores)
    return float(np.sum(np.diff(recall, prepend=0.0) * precision))


def precision_recall_curve(positive: Flags, scores: Floats) -> tuple[Doubles, Doubles, Doubles]:
    """Return precision and recall at each threshold, and the thresholds, highest first. Scores at a threshold are positive."""
    thresholds, right, answered = _steps(positive, scores)
    return _ratio(right, answered), _ratio(right, np.array(max(1, int(positive.sum())))), thresholds


def calibration(confidence: Floats, right: Flags, bins: int = 15) -> tuple[float | None, tuple[Bin, ...]]:
    """Return the expected calibration error, 0..1, over bins of equal width, and the bins. The error is None without images.

    Sources: M. P. Naeini, G. F. Cooper, M. Hauskrecht, 2015; C. Guo et al., 2017 (bins open below, closed above).
    """
    edges = np.linspace(0.0, 1.0, bins + 1)
    place = np.clip(np.searchsorted(edges, confidence, side="left") - 1, 0, bins - 1)
    made, error = [], 0.0
    for index in range(bins):
        inside = place == index
        count = int(np.count_nonzero(inside))
        mean = float(confidence[inside].mean(dtype=np.float64)) if count else None
        share = float(right[inside].mean()) if count else None
        made.append(Bin(float(edges[index]), float(edges[index + 1]), count, mean, share))
        if mean is not None and share is not None:
            error += count * abs(share - mean)
    return (error / len(right) if len(right) else None), tuple(made)


def divergence(wanted: Floats, got: Floats) -> Doubles:
    """Return the Kullback-Leibler divergence of ``got`` from ``wanted`` per image, in nats, shape (n,).

    Both are distributions of shape (n, classes). Classes that are below ``FLOOR`` in both are merged into one.
    """
    telling = (wanted >= FLOOR) | (got >= FLOOR)
    p, q = (_with_rest(side, telling) for side in (wanted, got))
    found: Doubles = np.sum(np.where(p > 0, p * np.log(np.where(p > 0, p, 1.0) / np.where(q > 0, q, 1.0)), 0.0), axis=1)
    return found


def _with_rest(scores: Floats, telling: Flags) -> Doubles:
    rest = np.where(telling, 0.0, scores).sum(axis=1, keepdims=True)
    every = np.concatenate([np.where(telling, np.maximum(scores, FLOOR), 0.0), np.maximum(rest, FLOOR)], axis=1)
    found: Doubles = every / every.sum(axis=1, keepdims=True)
    return found


def _steps(positive: Flags, scores: Floats) -> tuple[Doubles, Indices, Indices]:
    """Return the distinct scores, highest first, and how many positives and how many images reach each."""
    order = np.argsort(-scores, kind="stable")
    ordered = scores[order]
    last = np.flatnonzero(np.append(ordered[1:] != ordered[:-1], len(ordered) > 0))
    return ordered[last].astype(np.float64), np.cumsum(positive[order].astype(np.int64))[last], last + 1


def _ratio(part: Indices, whole: Indices) -> Doubles:
    found: Doubles = np.divide(part, whole, out=np.full(np.shape(part), np.nan), where=np.asarray(whole) > 0)
    return found


def _averages(measures: ClassMeasures, weights: Doubles) -> Averages:
    total = float(weights.sum())
    if not total:
        return Averages(None, None, None)
    means = (
        float(np.sum(np.nan_to_num(v) * weights) / total) for v in (measures.precision, measures.recall, measures.f1)
    )
    return Averages(*means)
