"""Evaluation results as tables for the terminal."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from ..reporting.terminal import table
from . import metrics
from .evaluate import Evaluation, ModelEvaluation
from .intervals import Proportion, is_rough

if TYPE_CHECKING:
    from rich.table import Table

    from .measures import ClassificationMetrics
    from .trained_on import TrainedOn

CONFUSION_CLASSES = 12
"""Largest number of classes for which the confusion matrix fits a terminal."""
CLASSES = 20
"""Rows of the class table. With more classes, those with the lowest F1 are shown."""
LISTED = 8
"""Rows of the tables of wrong predictions and of disagreements."""


def tables(done: Evaluation) -> list[Table]:
    """Return the tables: summary, classes, confusion matrix, worst images and comparison, as far as they have rows."""
    judged = done.metrics
    found = [_summary(done), _classes(judged)]
    if not judged.multilabel and len(judged.confusion) <= CONFUSION_CLASSES:
        found.append(_confusion(judged))
    if judged.worst:
        rows = [(done.paths[w.index], w.true, w.predicted, f"{w.score:.2f}") for w in judged.worst[:LISTED]]
        found.append(table(["image", "true", "predicted", ">score"], rows, "most confident wrong predictions"))
    if done.comparison is not None and done.comparison.disagreements:
        found.append(_disagreements(done))
    return found


def result_line(done: Evaluation) -> str:
    """Return a line with the accuracy."""
    path, part, known = done.result.subject.facts.path, done.pictures.split, done.trained_on
    where = done.pictures.path if part == "all" else f"{done.pictures.path} ({part})"
    count = f"{len(done.items)} image{'s' * (len(done.items) != 1)}"
    if known is not None and not known.counted_apart:
        right = f"{known.accuracy.count} of {known.accuracy.total} correct"
        return f"{path} on {where}: not tested: {right}, but on {known.describe()}"
    if known is not None:
        count = f"{count} that had no part in the training"
    right = "with all labels correct" if done.metrics.multilabel else "correct"
    return f"{path} on {where}: {percent(done.metrics.accuracy)} {right}, {count}"


def percent(value: Proportion) -> str:
    """Format a proportion with its 95 % confidence interval; of few images as ``k of n``."""
    if is_rough(value):
        return f"{value.count} of {value.total} (95 % CI {100 * value.low:.0f} to {100 * value.high:.0f} %)"
    return f"{100 * value.value:.1f} % (95 % CI {100 * value.low:.1f} to {100 * value.high:.1f})"


def _summary(done: Evaluation) -> Table:
    """Return the summary with one column per model."""
    verdicts = [done.result] + ([done.other] if done.other else [])
    columns = [facts(one, done) for one in verdicts]
    rows = [
        (name, *(column.get(name, "-") for column in columns)) for name in dict.fromkeys(k for c in columns for k in c)
    ]
    if done.comparison is not None:
        rows += [(name, "", value) for name, value in _changes(done)]
    return table([""] * (1 + len(columns)), rows)


def facts(one: ModelEvaluation, done: Evaluation) -> dict[str, str]:
    """Return the measures of a model by name, formatted; those that do not apply are left out."""
    judged, model = one.metrics, one.subject.facts
    average = metrics.macro(judged.per_class)
    found = {
        "model": f"{model.path} ({model.kind}, {model.mode}, {model.bytes / 1e6:.1f} MB)",
        "images": f"{len(done.items)}, {len(done.skipped)} skipped",
        _accuracy_name(judged, done.trained_on): percent(judged.accuracy),
        "balanced accuracy": _balanced(judged),
        "always one class": _baseline(judged),
        "trained on": _trained_on(one, done),
        "top-5 accuracy": _share(judged.top5),
        "macro precision": _share(average.precision),
        "macro recall": _share(average.recall),
        "macro F1": _share(average.f1),
        "ROC AUC": _area(judged, judged.roc_auc),
        "PR AUC": _area(judged, judged.pr_auc),
        "calibration error": _share(judged.ece),
        "suggested threshold": _threshold(judged),
        "false positive rate": _alarms(judged),
        "ties": str(judged.ties),
    }
    return {name: value for name, value in found.items() if value}


def _accuracy_name(judged: ClassificationMetrics, known: TrainedOn | None) -> str:
    name = "all labels correct" if judged.multilabel else "accuracy"
    return f"{name} on training images" if known is not None and not known.counted_apart else name


def _balanced(judged: ClassificationMetrics) -> str:
    """Format the mean recall of the classes, where it tells more than the accuracy: if their numbers of images differ."""
    return (
        "" if judged.balanced_accuracy is None else f"{_share(judged.balanced_accuracy)} (mean recall of the classes)"
    )


def _baseline(judged: ClassificationMetrics) -> str:
    one = judged.baseline
    return "" if one is None else f"{_share(one.accuracy)} correct by always answering {judged.name(one.index)}"


def baseline_text(done: Evaluation) -> str:
    """Return a sentence with the balanced accuracy and the baseline; empty for a multi-label model."""
    one = done.metrics
    if one.baseline is None:
        return ""
    constant = f"always answering {one.name(one.baseline.index)} would be right on {_share(one.baseline.accuracy)}"
    return f"Mean recall of the classes: {_share(one.balanced_accuracy)}; {constant}."


def _trained_on(one: ModelEvaluation, done: Evaluation) -> str:
    """Format the images of the training, which are counted apart; the accuracy on them is that of the first model."""
    known = done.trained_on
    if known is None or one is not done.result:
        return ""
    value = f"{known.accuracy.count} of {known.accuracy.total} correct on {known.describe()}"
    return f"{value}; counted apart" if known.counted_apart else f"{value}, and on no others"


def _area(judged: ClassificationMetrics, areas: tuple[float | None, ...]) -> str:
    """Format the area of the second class for two classes, the mean for multi-label, and nothing for more classes."""
    if judged.multilabel:
        known = [area for area in areas if area is not None]
        return f"{np.mean(known):.3f} (mean of {len(known)})" if known else ""
    return f"{areas[1]:.3f} ({judged.name(1)})" if len(areas) == 2 and areas[1] is not None else ""


def _threshold(judged: ClassificationMetrics) -> str:
    found = judged.threshold
    if found.suggested is None:
        return ""
    effect = f"precision {_share(found.precision)}, recall {_share(found.recall)}"
    return f"{found.suggested:.2f}: {effect} ({found.criterion})"


def _alarms(judged: ClassificationMetrics) -> str:
    found = judged.false_alarms
    if found is None:
        return ""
    limit = f"threshold {found.threshold:.2f} ({found.threshold_from})"
    return f"{percent(found.rate)} of {found.rate.total} negatives, {limit}"


def _changes(done: Evaluation) -> list[tuple[str, str]]:
    assert done.comparison is not None
    change = done.comparison.change
    points = f"{100 * change.value:+.1f} points (95 % CI {100 * change.low:+.1f} to {100 * change.high:+.1f})"
    found = [("agreement", percent(done.comparison.agreement)), ("accuracy change", points)]
    return found if done.comparison.kl is None else [*found, ("KL divergence", f"{done.comparison.kl:.4f} nats")]


def _classes(judged: ClassificationMetrics) -> Table:
    one = judged.per_class
    shown = np.flatnonzero(one.support + one.answered)
    title = "classes"
    if len(shown) > CLASSES:
        shown = np.flatnonzero(one.support)
        order = np.argsort(one.f1[shown], kind="stable")
        title = f"classes: {CLASSES} of {len(shown)}, lowest F1 first"
        shown = shown[order][:CLASSES]
    rows = [
        (judged.name(int(c)), str(one.support[c]), _share(one.precision[c]), _share(one.recall[c]), _share(one.f1[c]))
        for c in shown
    ]
    return table(["class", ">images", ">precision", ">recall", ">F1"], rows, title)


def _confusion(judged: ClassificationMetrics) -> Table:
    names = [judged.name(index) for index in range(len(judged.confusion))]
    rows = [(name, *(str(n) if n else "." for n in row)) for name, row in zip(names, judged.confusion, strict=True)]
    return table(["true \\ predicted", *(f">{name}" for name in names)], rows, "confusion matrix")


def _disagreements(done: Evaluation) -> Table:
    assert done.comparison is not None
    rows = [
        (
            done.paths[one.index],
            one.true,
            *(f"{answer} {score:.2f}" for answer, score in zip(one.answers, one.scores, strict=True)),
        )
        for one in done.comparison.disagreements[:LISTED]
    ]
    return table(["image", "true", "model", "other model"], rows, "disagreements")


def _share(value: float | None) -> str:
    return "" if value is None or math.isnan(value) else f"{100 * value:.1f} %"
