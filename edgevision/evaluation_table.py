"""An evaluation as tables for a person at a terminal."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from . import metrics
from .evaluate import Evaluation, Verdict
from .stats import Share
from .terminal import table

if TYPE_CHECKING:
    from rich.table import Table

    from .judgement import Judgement

CONFUSION_CLASSES = 12
"""Up to which number of classes the confusion matrix fits a terminal."""
CLASSES = 20
"""Rows of the table of classes; of more, those with the lowest F1."""
LISTED = 8
"""Rows of wrong answers and of disagreements."""


def tables(done: Evaluation) -> list[Table]:
    """Summary, classes, confusion, the worst pictures and the comparison, as far as there is something to show."""
    judged = done.verdict.judgement
    found = [_summary(done), _classes(judged)]
    if not judged.multilabel and len(judged.confusion) <= CONFUSION_CLASSES:
        found.append(_confusion(judged))
    if judged.worst:
        rows = [(done.paths[w.index], w.true, w.predicted, f"{w.score:.2f}") for w in judged.worst[:LISTED]]
        found.append(table(["picture", "true", "answer", ">score"], rows, "most confidently wrong"))
    if done.comparison is not None and done.comparison.disagreements:
        found.append(_disagreements(done))
    return found


def result_line(done: Evaluation) -> str:
    """One line: how many answers were right."""
    facts, part = done.verdict.subject.facts, done.pictures.split
    where = done.pictures.path if part == "all" else f"{done.pictures.path} ({part})"
    return f"{facts.path} on {where}: {percent(done.verdict.judgement.accuracy)} right, {len(done.items)} pictures"


def percent(value: Share) -> str:
    """A share with its 95 % interval."""
    return f"{100 * value.value:.1f} % (95 %: {100 * value.low:.1f} to {100 * value.high:.1f})"


def _summary(done: Evaluation) -> Table:
    """One column of figures a model."""
    verdicts = [done.verdict] + ([done.other] if done.other else [])
    columns = [_facts(one, done) for one in verdicts]
    rows = [
        (name, *(column.get(name, "-") for column in columns)) for name in dict.fromkeys(k for c in columns for k in c)
    ]
    if done.comparison is not None:
        rows += [(name, "", value) for name, value in _changes(done)]
    return table([""] * (1 + len(columns)), rows)


def _facts(one: Verdict, done: Evaluation) -> dict[str, str]:
    judged, model = one.judgement, one.subject.facts
    average = metrics.macro(judged.per_class)
    found = {
        "model": f"{model.path} ({model.kind}, {model.mode}, {model.bytes / 1e6:.1f} MB)",
        "pictures": f"{len(done.items)}, {len(done.skipped)} left out",
        "all labels right" if judged.multilabel else "right": percent(judged.accuracy),
        "right among the best 5": _share(judged.top5),
        "macro precision": _share(average.precision),
        "macro recall": _share(average.recall),
        "macro F1": _share(average.f1),
        "ROC AUC": _area(judged, judged.roc_auc),
        "PR AUC": _area(judged, judged.pr_auc),
        "calibration error": _share(judged.ece),
        "threshold": _threshold(judged),
        "false alarms": _alarms(judged),
        "ties": str(judged.ties),
    }
    return {name: value for name, value in found.items() if value}


def _area(judged: Judgement, areas: tuple[float | None, ...]) -> str:
    """Of a yes-or-no model that of the second class; of several labels the mean; nothing for many classes."""
    if judged.multilabel:
        known = [area for area in areas if area is not None]
        return f"{np.mean(known):.3f} (mean of {len(known)})" if known else ""
    return f"{areas[1]:.3f} ({judged.name(1)})" if len(areas) == 2 and areas[1] is not None else ""


def _threshold(judged: Judgement) -> str:
    found = judged.threshold
    if found.suggested is None:
        return ""
    effect = f"{_share(found.precision)} of answers right, {_share(found.recall)} of pictures answered right"
    return f"{found.suggested:.2f}: {effect} ({found.criterion})"


def _alarms(judged: Judgement) -> str:
    found = judged.false_alarms
    if found is None:
        return ""
    limit = f"from a score of {found.threshold:.2f} ({found.threshold_from})"
    return f"{percent(found.rate)} of {found.rate.total} unrelated pictures, {limit}"


def _changes(done: Evaluation) -> list[tuple[str, str]]:
    assert done.comparison is not None
    change = done.comparison.change
    points = f"{100 * change.value:+.1f} points (95 %: {100 * change.low:+.1f} to {100 * change.high:+.1f})"
    found = [("same answer", percent(done.comparison.agreement)), ("accuracy", points)]
    return found if done.comparison.kl is None else [*found, ("divergence", f"{done.comparison.kl:.4f} nats")]


def _classes(judged: Judgement) -> Table:
    one = judged.per_class
    shown = np.flatnonzero(one.support + one.answered)
    title = "classes"
    if len(shown) > CLASSES:
        shown = np.flatnonzero(one.support)
        order = np.argsort(one.f1[shown], kind="stable")
        title = f"classes: the {CLASSES} of {len(shown)} with the lowest F1"
        shown = shown[order][:CLASSES]
    rows = [
        (judged.name(int(c)), str(one.support[c]), _share(one.precision[c]), _share(one.recall[c]), _share(one.f1[c]))
        for c in shown
    ]
    return table(["class", ">pictures", ">precision", ">recall", ">F1"], rows, title)


def _confusion(judged: Judgement) -> Table:
    names = [judged.name(index) for index in range(len(judged.confusion))]
    rows = [(name, *(str(n) if n else "." for n in row)) for name, row in zip(names, judged.confusion, strict=True)]
    return table(["true \\ answer", *(f">{name}" for name in names)], rows, "confusion")


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
    return table(["picture", "true", "answer", "the other's"], rows, "disagreements")


def _share(value: float | None) -> str:
    return "" if value is None or math.isnan(value) else f"{100 * value:.1f} %"
