"""Results of a detector's evaluation as tables for the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...reporting.terminal import table
from .bootstrap import Interval
from .errors import KINDS, Kind

if TYPE_CHECKING:
    from rich.table import Table

    from ..scorers import ModelFacts
    from .evaluate import DetectorComparison, DetectorEvaluation
    from .measures import DetectorMeasures

CLASSES = 20
"""Rows of the class table. With more classes, those with the lowest AP50 are shown."""
KIND_NAMES: dict[Kind, str] = {
    "missed": "missed",
    "background": "invented",
    "localisation": "badly placed",
    "confused": "confused with another class",
    "both": "badly placed and confused",
    "duplicate": "found twice",
}
"""What each kind of error is called for people."""


def tables(done: DetectorEvaluation) -> list[Table]:
    """Return the tables: summary, classes and errors."""
    return [_summary(done), _classes(done.measures), _errors(done)]


def result_line(done: DetectorEvaluation) -> str:
    """Return a line with the mean average precision."""
    path, part, known = done.subject.facts.path, done.pictures.split, done.trained_on
    data = str(done.pictures.data.path)
    where = data if part == "all" else f"{data} ({part})"
    count = f"{len(done.images)} image{'s' * (len(done.images) != 1)}, {done.measures.metrics.objects} objects"
    if known is not None and not known.counted_apart:
        return f"{path} on {where}: not tested: mAP50 {share(done.measures.map50.value)}, but on {known.describe()}"
    if known is not None:
        count = f"{count}, of images that had no part in the training"
    return f"{path} on {where}: mAP50 {with_interval(done.measures.map50)}, {count}"


def facts(done: DetectorEvaluation, model: ModelFacts, measures: DetectorMeasures) -> dict[str, str]:
    """Return the measures of a detector by name, formatted; those that do not apply are left out."""
    first = measures is done.measures
    found = {
        "model": f"{model.path} ({model.kind}, {model.mode}, {model.bytes / 1e6:.1f} MB)",
        "images": f"{len(done.images)}, {len(done.skipped)} skipped",
        "objects": str(measures.metrics.objects),
        "mAP50": with_interval(measures.map50),
        "mAP50:95": with_interval(measures.map50_95),
        "at its threshold": at_threshold(measures),
        "suggested threshold": suggested(measures),
        "trained on": trained_on(done) if first else "",
        "false positive rate": alarms(done) if first else "",
    }
    return {name: value for name, value in found.items() if value}


def with_interval(value: Interval) -> str:
    """Format a proportion with its 95 % confidence interval."""
    if value.value is None or value.low is None or value.high is None:
        return share(value.value)
    return f"{100 * value.value:.1f} % (95 % CI {100 * value.low:.1f} to {100 * value.high:.1f})"


def at_threshold(measures: DetectorMeasures) -> str:
    """Format precision and recall at the threshold in use."""
    used, origin = measures.operating, {"given": "given", "card": "of the model card", "default": "default"}
    if used is None:
        return ""
    precision = "nothing found" if used.precision is None else f"precision {share(used.precision)}"
    name = origin.get(measures.threshold.origin, measures.threshold.origin)
    return f"{used.threshold:.2f} ({name}): {precision}, recall {share(used.recall)}"


def suggested(measures: DetectorMeasures) -> str:
    """Format the threshold with the best F1, and what it was measured on."""
    best = measures.metrics.best
    if best is None:
        return ""
    effect = f"precision {share(best.precision)}, recall {share(best.recall)}"
    return f"{best.threshold:.2f}: {effect} (best F1 over all classes, on these {measures.metrics.images} images)"


def trained_on(done: DetectorEvaluation) -> str:
    """Format the images of the training, which are counted apart."""
    known = done.trained_on
    if known is None:
        return ""
    value = f"mAP50 {share(known.map50)} on {known.describe()}"
    return f"{value}; counted apart" if known.counted_apart else f"{value}, and on no others"


def alarms(done: DetectorEvaluation) -> str:
    """Format the false positive rate on negatives."""
    found = done.false_alarms
    if found is None:
        return ""
    rate = f"something found in {found.rate.count} of {found.rate.total} negatives"
    return f"{rate}, threshold {found.threshold:.2f} ({found.threshold_from})"


def changes(comparison: DetectorComparison) -> list[tuple[str, str]]:
    """Return the differences between the two detectors by name, formatted."""
    same = comparison.agreement
    boxes = f"{int(comparison.boxes.matched.sum())} of {int(comparison.boxes.total.sum())} boxes"
    agreement = f"{with_interval(same)}, {boxes}" if same.value is not None else "neither found anything"
    return [
        ("same boxes", agreement),
        ("mAP50 change", points(comparison.map50_change)),
        ("mAP50:95 change", points(comparison.map50_95_change)),
    ]


def points(value: Interval) -> str:
    """Format a difference in percentage points with its interval."""
    if value.value is None or value.low is None or value.high is None:
        return "-"
    return f"{100 * value.value:+.1f} points (95 % CI {100 * value.low:+.1f} to {100 * value.high:+.1f})"


def share(value: float | None) -> str:
    """Format a proportion as a percentage."""
    return "-" if value is None else f"{100 * value:.1f} %"


def class_rows(measures: DetectorMeasures, limit: int) -> tuple[list[tuple[str, ...]], int]:
    """Return the rows of the class table, at most ``limit`` with the lowest AP50, and the number of all classes."""
    found = [one for one in measures.metrics.per_class if one.objects]
    shown = found if len(found) <= limit else sorted(found, key=lambda one: one.ap50 or 0.0)[:limit]
    rows: list[tuple[str, ...]] = []
    for one in shown:
        best = one.best
        point = (share(best.precision), share(best.recall), f"{best.threshold:.2f}") if best else ("-", "-", "-")
        rows.append((one.name, str(one.objects), share(one.ap50), share(one.ap50_95), *point))
    return rows, len(found)


def _summary(done: DetectorEvaluation) -> Table:
    """Return the summary with one column per model."""
    columns = [facts(done, done.subject.facts, done.measures)]
    if done.other is not None and done.other_measures is not None:
        columns.append(facts(done, done.other.facts, done.other_measures))
    names = dict.fromkeys(name for column in columns for name in column)
    rows = [(name, *(column.get(name, "-") for column in columns)) for name in names]
    if done.comparison is not None:
        rows += [(name, "", value) for name, value in changes(done.comparison)]
    return table([""] * (1 + len(columns)), rows)


def _classes(measures: DetectorMeasures) -> Table:
    rows, count = class_rows(measures, CLASSES)
    title = "classes" if count <= CLASSES else f"classes: {CLASSES} of {count}, lowest AP50 first"
    head = ["class", ">objects", ">AP50", ">AP50:95", ">precision", ">recall", ">at threshold"]
    return table(head, rows, title)


def _errors(done: DetectorEvaluation) -> Table:
    columns = [done.measures] + ([done.other_measures] if done.other_measures else [])
    counts = [one.errors.counts() for one in columns]
    rows = [("correct", *(str(one.errors.correct) for one in columns))]
    rows += [(KIND_NAMES[kind], *(str(one[kind]) for one in counts)) for kind in KINDS]
    title = f"errors at {done.measures.errors.threshold:.2f}"
    return table(["", ">model", ">other model"][: 1 + len(columns)], rows, title)
