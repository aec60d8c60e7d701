"""Summary of a finished conversion for the terminal: a table, the result line and the next command."""

from __future__ import annotations

from shlex import quote
from typing import TYPE_CHECKING

from edgevision.evaluation.tables import percent

from .record import ConvertReport

if TYPE_CHECKING:
    from rich.table import Table


def table(report: ConvertReport) -> Table:
    """Return the table; its texts are not markup: paths and labels may contain brackets and colons."""
    from rich.table import Table

    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in rows(report):
        table.add_row(name, value)
    return table


def lines(report: ConvertReport) -> list[str]:
    """Return the lines below the table: the result and the next command."""
    size, page = _mb(report.int8_bytes), f"; report: {report.page_path}" if report.page_path else ""
    return [
        "",
        f"Converted {report.source.path} to {report.path} ({size}) in {report.seconds['total']:.0f} s{page}.",
        f"Next: edgevision run {quote(str(report.path))} --camera 0",
    ]


def rows(report: ConvertReport) -> list[tuple[str, str]]:
    """Return the rows of the table: name and text."""
    labels = f"{len(report.card.labels)} ({report.labels_from})" if report.card.labels else report.labels_from
    return [
        ("model", f"{report.card.name}: {report.card.task}, {report.parameters:,} parameters"),
        ("preprocessing", report.card.preprocessing.describe()),
        ("", report.preprocessing_from),
        ("labels", labels),
        ("size", f"{_mb(report.float_bytes)} float, {_mb(report.int8_bytes)} int8"),
        ("operators", _operators(report)),
        ("calibration", _calibration(report)),
        *_repair(report),
        ("agreement", _agreement(report)),
        ("top-1", _accuracy(report)),
        ("self-test", _selftest(report)),
        *_embedding(report),
        ("time", ", ".join(f"{name} {value:.1f} s" for name, value in report.seconds.items() if name != "total")),
    ]


def _agreement(report: ConvertReport) -> str:
    result = report.comparison
    if result.agreement is None:
        return "not measured: no images left besides the calibration set"
    ties = f"; {result.ties} ties for the best int8 score" if result.ties else "; no ties"
    which = "held-out images" if report.heldout.independent else "images of the selection set (not independent)"
    return f"{percent(result.agreement)} same answer in float and int8, on {result.pictures} {which}{ties}"


def _calibration(report: ConvertReport) -> str:
    chosen = report.calibration
    selection = f" and {len(chosen.selection)} for selection" if chosen.selection else ""
    return f"{len(chosen.chosen)} images{selection}, from {chosen.folder}; {len(chosen.skipped)} skipped"


def _repair(report: ConvertReport) -> list[tuple[str, str]]:
    """Return the rows on the repair and on the layers with the largest remaining error."""
    repair = report.repair
    if repair is None or repair.before is None or repair.after is None:
        return []
    undone = [step.name for step in repair.steps if not step.kept]
    done = ", ".join(repair.kept) or "no step helped"
    left = f" (no improvement: {', '.join(undone)})" if undone else ""
    same = f"same answer on {repair.before.same} before and {repair.after.same} after, of {repair.after.pictures}"
    worst = [
        f"{layer.name} {layer.snr_db_before:.0f} -> {layer.snr_db_after:.0f} dB: {layer.action}"
        for layer in repair.worst_layers
    ]
    return [("repair", f"{done}{left}; {same} selection images"), ("worst layers", "\n".join(worst))]


def _embedding(report: ConvertReport) -> list[tuple[str, str]]:
    found = report.card.embedding
    return [("embedding", f"{found.size} values, {found.tensor} (second output)")] if found else []


def _accuracy(report: ConvertReport) -> str:
    result = report.comparison
    if result.float_accuracy is None or result.int8_accuracy is None or result.drop is None:
        return "unknown: the images have no labels; give labeled images with --eval-data"
    drop = result.drop
    points = f"{100 * drop.value:.1f} points lost (95 %: {100 * drop.low:.1f} to {100 * drop.high:.1f})"
    return f"float {percent(result.float_accuracy)}, int8 {percent(result.int8_accuracy)}, {points}"


def _operators(report: ConvertReport) -> str:
    counts = ", ".join(f"{one.count} {one.name}" for one in report.graph.counts())
    return f"{counts}; {'all int8' if report.graph.all_int8 else 'not all int8'}"


def _selftest(report: ConvertReport) -> str:
    made = report.selftest
    return f"{len(made.test.cases)} synthetic images; the top class leads by {made.margin:.2f} or more"


def _mb(count: int) -> str:
    return f"{count / 1e6:.2f} MB"
