"""Computation of all measures of one model on one set of images, from its scores and the true labels."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from . import false_positives, metrics, threshold
from .intervals import Proportion, proportion

if TYPE_CHECKING:
    import numpy.typing as npt

    from ..model_file.card import ModelCard

    Scores = npt.NDArray[np.float32]
    Flags = npt.NDArray[np.bool_]

WORST = 20
"""Number of most confident wrong predictions that are kept."""
DEFAULT_THRESHOLD = 0.5
"""Score from which a label is assigned if the model card has no threshold."""
TOP5_FROM = 6
"""Number of classes from which top-5 accuracy is meaningful."""


@dataclass(frozen=True, slots=True)
class Misclassification:
    """One wrong prediction."""

    index: int
    """Index of the image."""
    true: str
    """True labels, separated by ``|``."""
    predicted: str
    """Predicted label; ``not X`` for a missed label of a multi-label model."""
    score: float
    """Confidence of the wrong prediction, 0..1."""


@dataclass(frozen=True, slots=True)
class Baseline:
    """The accuracy of a model that gives the same answer to every image."""

    index: int
    """The most frequent class; on ties the lowest index."""
    accuracy: float
    """Its share of the images, 0..1."""


@dataclass(frozen=True, slots=True, eq=False)
class ClassificationMetrics:
    """All measures of one model on n images."""

    multilabel: bool
    labels: tuple[str, ...]
    scores: Scores
    """Scores, 0..1, shape (n, classes)."""
    true: Flags
    """True labels, shape (n, classes)."""
    predicted: Flags
    """Predicted labels, shape (n, classes): the best class, on ties the lowest index; for a multi-label model all classes
    whose score reaches the threshold."""
    accuracy: Proportion
    """Proportion of images with all labels correct."""
    balanced_accuracy: float | None
    """Mean recall of the classes that have images, 0..1; None for a multi-label model."""
    baseline: Baseline | None
    """What always answering the most frequent class would reach; None for a multi-label model."""
    top5: float | None
    """Proportion of images with the true class among the five best, 0..1; None with five classes or fewer."""
    per_class: metrics.ClassMeasures
    roc_auc: tuple[float | None, ...]
    """Area under the ROC curve of each class against the rest."""
    pr_auc: tuple[float | None, ...]
    """Average precision of each class against the rest."""
    confusion: npt.NDArray[np.int64]
    """Counts, shape (classes, classes), rows are true classes; multi-label: (classes, 2, 2), [[tn, fp], [fn, tp]]."""
    ece: float | None
    bins: tuple[metrics.Bin, ...]
    threshold: threshold.Threshold
    worst: tuple[Misclassification, ...]
    """Most confident wrong predictions, most confident first."""
    ties: int
    """Number of images whose best score is shared by several classes."""
    false_alarms: false_positives.FalseAlarms | None
    """False positives on negatives, background images and images without a label; None if there are none of these."""

    @property
    def right(self) -> Flags:
        """Whether all labels of each image are correct, shape (n,)."""
        found: Flags = (self.true == self.predicted).all(axis=1)
        return found

    def name(self, index: int) -> str:
        """Return the label of a class, or its number if the model has no labels."""
        return self.labels[index] if index < len(self.labels) else str(index)

    def to_json(self, paths: Sequence[str]) -> dict[str, Any]:
        """Return the measures of ``edgevision.evaluate/1``. ``paths``: paths of the n images."""
        value = self.accuracy
        method = "wilson 95 %, all labels of an image correct" if self.multilabel else "wilson 95 %"
        return {
            "accuracy": {
                "value": value.value,
                "low": value.low,
                "high": value.high,
                "correct": value.count,
                "total": value.total,
                "method": method,
            },
            "balanced_accuracy": self.balanced_accuracy,
            "baseline": self._baseline_json(),
            "top5": self.top5,
            "macro": metrics.macro(self.per_class).to_json(),
            "weighted": metrics.weighted(self.per_class).to_json(),
            "micro": metrics.micro(self.per_class).to_json(),
            "per_class": [self._class_json(index) for index in range(self.scores.shape[1])],
            "confusion": self.confusion.tolist(),
            "calibration": {"ece": self.ece, "bins": [one.to_json() for one in self.bins]},
            "threshold": self.threshold.to_json(),
            "false_alarms": self.false_alarms.to_json() if self.false_alarms else None,
            "worst": [
                {"path": paths[w.index], "true": w.true, "predicted": w.predicted, "score": w.score} for w in self.worst
            ],
            "ties": self.ties,
        }

    def _baseline_json(self) -> dict[str, Any] | None:
        one = self.baseline
        return None if one is None else {"index": one.index, "name": self.name(one.index), "accuracy": one.accuracy}

    def _class_json(self, index: int) -> dict[str, Any]:
        one = self.per_class
        shares = {"precision": one.precision[index], "recall": one.recall[index], "f1": one.f1[index]}
        return {
            "index": index,
            "name": self.name(index),
            "support": int(one.support[index]),
            **{key: None if math.isnan(value) else float(value) for key, value in shares.items()},
            "roc_auc": self.roc_auc[index],
            "pr_auc": self.pr_auc[index],
        }


def classification_metrics(
    card: ModelCard, labels: tuple[str, ...], scores: Scores, true: Flags, negatives: Scores, limit: float | None = None
) -> ClassificationMetrics:
    """Compute all measures of a model.

    ``scores`` and ``true``: (n, classes) with n of at least 1; ``strangers``: scores of negatives, (m, classes);
    ``limit``: threshold given by the user, 0..1.
    """
    multilabel = card.task == "multilabel"
    yes = limit if limit is not None else card.threshold if card.threshold is not None else DEFAULT_THRESHOLD
    predicted = scores >= yes if multilabel else _best(scores)
    right = (true == predicted).all(axis=1)
    background = false_positives.background_class(labels)
    matrix = metrics.multilabel_confusion(true, predicted) if multilabel else _confusion(true, predicted)
    ece, bins = metrics.calibration(*((scores.ravel(), true.ravel()) if multilabel else (scores.max(axis=1), right)))
    if multilabel:
        advice = threshold.for_labels(scores, true)
    else:
        advice = threshold.for_answers(scores.max(axis=1), right, false_positives.answers(negatives, background))
    negatives = np.concatenate([negatives.reshape(-1, scores.shape[1]), scores[_none_of_them(true, background)]])
    choices = (("given", limit), ("card", card.threshold), ("suggested", advice.suggested))
    accuracy = proportion(int(right.sum()), len(right))
    assert accuracy is not None, "there is at least one image"
    return ClassificationMetrics(
        multilabel=multilabel,
        labels=labels,
        scores=scores,
        true=true,
        predicted=predicted,
        accuracy=accuracy,
        balanced_accuracy=None if multilabel else balanced_accuracy(matrix),
        baseline=None if multilabel else baseline(true.sum(axis=0)),
        top5=_top5(scores, true, multilabel),
        per_class=metrics.per_class(matrix),
        roc_auc=_each_class(metrics.roc_auc, true, scores),
        pr_auc=_each_class(metrics.average_precision, true, scores),
        confusion=matrix,
        ece=ece,
        bins=bins,
        threshold=advice,
        worst=_worst(labels, scores, true, predicted, multilabel),
        ties=metrics.ties(scores),
        false_alarms=false_positives.measure(negatives, background, choices),
    )


def baseline(support: npt.NDArray[np.integer]) -> Baseline:
    """Return what always answering the most frequent class reaches, from the number of images of each class, (classes,)."""
    index = int(support.argmax())
    return Baseline(index, float(support[index] / max(1, int(support.sum()))))


def balanced_accuracy(confusion: npt.NDArray[np.int64]) -> float:
    """Return the mean recall, 0..1, of the classes that have images; ``confusion``: (classes, classes), rows true."""
    support = confusion.sum(axis=1)
    return float((np.diag(confusion)[support > 0] / support[support > 0]).mean())


def _each_class(area: Callable[[Flags, Scores], float | None], true: Flags, scores: Scores) -> tuple[float | None, ...]:
    return tuple(area(true[:, c], scores[:, c]) for c in range(true.shape[1]))


def _best(scores: Scores) -> Flags:
    found = np.zeros(scores.shape, bool)
    found[np.arange(len(scores)), scores.argmax(axis=1)] = True
    return found


def _confusion(true: Flags, predicted: Flags) -> npt.NDArray[np.int64]:
    return metrics.confusion(true.argmax(axis=1), predicted.argmax(axis=1), true.shape[1])


def _top5(scores: Scores, true: Flags, multilabel: bool) -> float | None:
    if multilabel or scores.shape[1] < TOP5_FROM:
        return None
    return float(metrics.in_top(scores, true.argmax(axis=1), 5).mean())


def _worst(
    labels: tuple[str, ...], scores: Scores, true: Flags, predicted: Flags, multilabel: bool
) -> tuple[Misclassification, ...]:
    """Return the most confident error of each wrong image: an assigned label or, for multi-label, a missed one."""
    sure = np.where(predicted & ~true, scores, -1.0)
    if multilabel:
        sure = np.where(true & ~predicted, 1.0 - scores, sure)
    at = sure.argmax(axis=1)
    surest = sure[np.arange(len(sure)), at]
    found = []
    for index in np.argsort(-surest, kind="stable")[:WORST]:
        if surest[index] < 0:
            break
        name = _name(labels, int(at[index]))
        truth = "|".join(_name(labels, int(c)) for c in np.flatnonzero(true[index]))
        given = name if predicted[index, at[index]] else f"not {name}"
        found.append(Misclassification(int(index), truth, given, float(surest[index])))
    return tuple(found)


def _none_of_them(true: Flags, background: int | None) -> Flags:
    nothing = ~true.any(axis=1)
    if background is not None:
        nothing |= true[:, background]
    return np.asarray(nothing, bool)


def _name(labels: Sequence[str], index: int) -> str:
    return labels[index] if index < len(labels) else str(index)
