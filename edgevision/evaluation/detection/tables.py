"""Results of the evaluation of a model that finds objects as tables for the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...reporting.terminal import table
from .errors import Kind
from .formatting import share, with_interval

if TYPE_CHECKING:
    from rich.table import Table

    from ..scorers import ModelFacts
    from .evaluation import ObjectEvaluation
    from .object_measures import ObjectMeasures

CLASSES = 20
"""Rows of the class table. With more classes, the worst are shown."""
KIND_NAMES: dict[Kind, str] = {
    "missed": "missed",
    "background": "invented",
    "localisation": "badly placed",
    "confused": "confused with another class",
    "both": "badly placed and confused",
    "duplicate": "found twice",
}
"""What each kind of error is called for people."""


def tables(done: ObjectEvaluation) -> list[Table]:
    """Return the tables: summary, classes and errors."""
    return [_summary(done), _classes(done.measures), _errors(done)]


def result_line(done: ObjectEvaluation) -> str:
    """Return a line with the most important measure."""
    path, part, known = done.subject.facts.path, done.pictures.split, done.trained_on
    name, value = done.measures.scores()[0]
    data = str(done.pictures.data.path)
    where = data if part == "all" else f"{data} ({part})"
    count = f"{len(done.images)} image{'s' * (len(done.images) != 1)}, {done.measures.metrics.objects} objects"
    if known is not None and not known.counted_apart:
        return f"{path} on {where}: not tested: {name} {share(value.value)}, but on {known.describe()}"
    if known is not None:
        count = f"{count}, of images that had no part in the training"
    counted = f", {said}" if (said := done.measures.counting()) else ""
    return f"{path} on {where}: {name} {with_interval(value)}{counted}, {count}"


def facts(done: ObjectEvaluation, model: ModelFacts, measures: ObjectMeasures) -> dict[str, str]:
    """Return the measures of a model by name, formatted; those that do not apply are left out."""
    first = measures is done.measures
    found = {
        "model": f"{model.path} ({model.kind}, {model.mode}, {model.bytes / 1e6:.1f} MB)",
        "images": f"{len(done.images)}, {len(done.skipped)} skipped",
        "objects": str(measures.metrics.objects),
        **{name: with_interval(value) for name, value in measures.scores()},
        "counting": measures.counting(),
        "at its threshold": at_threshold(measures),
        "suggested threshold": suggested(measures),
        "trained on": trained_on(done) if first else "",
        "false positive rate": alarms(done) if first else "",
    }
    return {name: value for name, value in found.items() if value}


def at_threshold(measures: ObjectMeasures) -> str:
    """Format precision and recall at the threshold in use."""
    used, origin = measures.operating, {"given": "given", "card": "of the model card", "default": "default"}
    if used is None:
        return ""
    precision = "nothing found" if used.precision is None else f"precision {share(used.precision)}"
    name = origin.get(measures.threshold.origin, measures.threshold.origin)
    return f"{used.threshold:.2f} ({name}): {precision}, recall {share(used.recall)}"


def suggested(measures: ObjectMeasures) -> str:
    """Format the threshold with the best F1, and what it was measured on."""
    best = measures.metrics.best
    if best is None:
        return ""
    effect = f"precision {share(best.precision)}, recall {share(best.recall)}"
    return f"{best.threshold:.2f}: {effect} (best F1 over all classes, on these {measures.metrics.images} images)"


def trained_on(done: ObjectEvaluation) -> str:
    """Format the images of the training, which are counted apart."""
    known = done.trained_on
    if known is None:
        return ""
    value = f"{known.measure} {share(known.value)} on {known.describe()}"
    return f"{value}; counted apart" if known.counted_apart else f"{value}, and on no others"


def alarms(done: ObjectEvaluation) -> str:
    """Format the false positive rate on negatives."""
    found = done.false_alarms
    if found is None:
        return ""
    rate = f"something found in {found.rate.count} of {found.rate.total} negatives"
    return f"{rate}, threshold {found.threshold:.2f} ({found.threshold_from})"


def _summary(done: ObjectEvaluation) -> Table:
    """Return the summary with one column per model."""
    columns = [facts(done, done.subject.facts, done.measures)]
    if done.other is not None and done.other_measures is not None:
        columns.append(facts(done, done.other.facts, done.other_measures))
    names = dict.fromkeys(name for column in columns for name in column)
    rows = [(name, *(column.get(name, "-") for column in columns)) for name in names]
    if done.comparison is not None:
        rows += [(name, "", value) for name, value in done.comparison.changes()]
    return table([""] * (1 + len(columns)), rows)


def _classes(measures: ObjectMeasures) -> Table:
    found = measures.class_table(CLASSES)
    title = "classes" if found.total <= CLASSES else f"classes: {CLASSES} of {found.total}, {found.order} first"
    first, *numbers = found.head
    return table([first, *(f">{name}" for name in numbers)], found.rows, title)


def _errors(done: ObjectEvaluation) -> Table:
    columns = [done.measures] + ([done.other_measures] if done.other_measures else [])
    counts = [one.errors.counts() for one in columns]
    rows = [("correct", *(str(one.errors.correct) for one in columns))]
    rows += [(KIND_NAMES[kind], *(str(one[kind]) for one in counts)) for kind in done.measures.words.kinds]
    title = f"errors at {done.measures.errors.threshold:.2f}"
    return table(["", ">model", ">other model"][: 1 + len(columns)], rows, title)
