"""The measures of a classifier, in plain numpy: from scores and true labels to numbers, nothing else."""

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
"""Half a step of an 8-bit score: below it a divergence would be one of noise."""


@dataclass(frozen=True, slots=True)
class ClassMeasures:
    """Precision, recall and F1, each (classes,), 0..1; NaN where there is nothing to divide by."""

    precision: Doubles
    """Right among the answers of this class; NaN for a class that was never answered."""
    recall: Doubles
    """Found among the pictures of this class; NaN for a class without pictures."""
    f1: Doubles
    """2 tp / (2 tp + fp + fn); NaN for a class that neither has pictures nor was answered."""
    support: Indices
    """Pictures of the class."""
    answered: Indices
    """Answers of the class."""
    found: Indices
    """Right answers of the class."""


@dataclass(frozen=True, slots=True)
class Averages:
    """Precision, recall and F1 as one number each, 0..1; None of no pictures."""

    precision: float | None
    recall: float | None
    f1: float | None

    def to_json(self) -> dict[str, float | None]:
        """Plain values."""
        return {"precision": self.precision, "recall": self.recall, "f1": self.f1}


@dataclass(frozen=True, slots=True)
class Bin:
    """One bin of a reliability diagram."""

    low: float
    high: float
    count: int
    confidence: float | None
    """Mean score within the bin; None of an empty one."""
    accuracy: float | None
    """Share that was right."""

    def to_json(self) -> dict[str, float | int | None]:
        """Plain values."""
        return {name: getattr(self, name) for name in ("low", "high", "count", "confidence", "accuracy")}


def confusion(true: Indices, predicted: Indices, classes: int) -> Indices:
    """Counts (classes, classes): a row is a true class, a column an answer."""
    return np.bincount(true * classes + predicted, minlength=classes * classes).reshape(classes, classes)


def multilabel_confusion(true: Flags, predicted: Flags) -> Indices:
    """Counts (classes, 2, 2), per class [[tn, fp], [fn, tp]]; both inputs (n, classes)."""
    cells = [(~true & ~predicted), (~true & predicted), (true & ~predicted), (true & predicted)]
    return np.stack([cell.sum(axis=0) for cell in cells], axis=-1).reshape(-1, 2, 2)


def in_top(scores: Floats, true: Indices, count: int) -> Flags:
    """Whether the true class is among the ``count`` best, (n,); of equal scores the lowest index is the better."""
    own = scores[np.arange(len(true)), true][:, None]
    before = np.arange(scores.shape[1])[None] < true[:, None]
    better = (scores > own) | ((scores == own) & before)
    found: Flags = better.sum(axis=1) < count
    return found


def ties(scores: Floats) -> int:
    """Pictures whose best score is shared by several classes."""
    return int(np.count_nonzero((scores == scores.max(axis=1, keepdims=True)).sum(axis=1) > 1))


def per_class(matrix: Indices) -> ClassMeasures:
    """Of a confusion matrix (classes, classes), or of several labels' (classes, 2, 2)."""
    if matrix.ndim == 3:
        found, support, answered = matrix[:, 1, 1], matrix[:, 1].sum(axis=1), matrix[:, :, 1].sum(axis=1)
    else:
        found, support, answered = np.diagonal(matrix), matrix.sum(axis=1), matrix.sum(axis=0)
    return ClassMeasures(
        _ratio(found, answered), _ratio(found, support), _ratio(2 * found, support + answered), support, answered, found
    )


def macro(measures: ClassMeasures) -> Averages:
    """The mean over the classes that have pictures; a precision of a class never answered counts as 0."""
    return _averages(measures, (measures.support > 0).astype(np.float64))


def weighted(measures: ClassMeasures) -> Averages:
    """The mean over the classes, each as often as it has pictures; a precision of a class never answered counts as 0."""
    return _averages(measures, measures.support.astype(np.float64))


def micro(measures: ClassMeasures) -> Averages:
    """Of all answers together; with one label a picture all three are the accuracy."""
    found, support, answered = (int(v.sum()) for v in (measures.found, measures.support, measures.answered))
    precision = found / answered if answered else None
    recall = found / support if support else None
    return Averages(precision, recall, 2 * found / (support + answered) if support + answered else None)


def roc_auc(positive: Flags, scores: Floats) -> float | None:
    """The chance that a positive has the higher score than a negative, ties half; None without both kinds.

    By ranks: H. B. Mann and D. R. Whitney, 1947; equal scores share their mean rank.
    """
    many, few = int(np.count_nonzero(positive)), int(np.count_nonzero(~positive))
    if not many or not few:
        return None
    _, place, count = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(count) - (count - 1) / 2)[place]
    return float((ranks[positive].sum() - many * (many + 1) / 2) / (many * few))


def average_precision(positive: Flags, scores: Floats) -> float | None:
    """The area under the precision-recall steps, sum of (R_k - R_k-1) P_k; None without positives.

    Equal scores are one step, whatever the order of the pictures.
    """
    if not positive.any():
        return None
    precision, recall, _ = precision_recall_curve(positive, scores)
    return float(np.sum(np.diff(recall, prepend=0.0) * precision))


def precision_recall_curve(positive: Flags, scores: Floats) -> tuple[Doubles, Doubles, Doubles]:
    """Precision and recall at each threshold, and the thresholds, highest first: "at least this score is a yes"."""
    thresholds, right, answered = _steps(positive, scores)
    return _ratio(right, answered), _ratio(right, np.array(max(1, int(positive.sum())))), thresholds


def roc_curve(positive: Flags, scores: Floats) -> tuple[Doubles, Doubles, Doubles]:
    """False and true positive rate at each threshold, and the thresholds, highest first."""
    thresholds, right, answered = _steps(positive, scores)
    negatives, positives = (np.array(max(1, int(np.count_nonzero(v)))) for v in (~positive, positive))
    return _ratio(answered - right, negatives), _ratio(right, positives), thresholds


def calibration(confidence: Floats, right: Flags, bins: int = 15) -> tuple[float | None, tuple[Bin, ...]]:
    """Expected calibration error, 0..1, over equally wide bins, and the bins; None of no pictures.

    M. P. Naeini, G. F. Cooper, M. Hauskrecht, 2015; C. Guo et al., 2017 (bins open below, closed above).
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
    """Kullback-Leibler, nats, of ``got`` from ``wanted``, picture by picture (n,); both (n, classes) distributions.

    All classes that neither side can tell from zero (below ``FLOOR``) are put together.
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
    """The different scores, highest first, and how many positives and pictures reach each."""
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
