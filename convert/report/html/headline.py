"""Top of the report: the main results of the converted model, and what to know before using it."""

from __future__ import annotations

from collections.abc import Iterator

from edgevision.evaluation.intervals import Proportion, is_rough
from edgevision.reporting import html
from edgevision.reporting.html import Html
from edgevision.reporting.terminal import size

from ...quantization.correction.result import Distance
from ..record import ConvertReport
from ..shared_record import ConversionRecord, peak_rss_mb
from ..text import measured_on, points

HARMLESS = ("not scored on ", "skipped ")
"""First words of notes that are information, not warnings."""


def headline(report: ConvertReport) -> Html:
    """Return the header: model name, agreement and three key figures."""
    card = report.card
    return html.header("edgevision convert", card.name, html.paragraph(report.network, "sub"), _agreement(report),
                       stats(report, _drop(report), "top-1 accuracy"))  # fmt: skip


def worth_knowing(report: ConvertReport) -> Html:
    """Return the section with notes and warnings, the most important first."""
    lines = [*gate_finding(report), *map(note_finding, report.notes), *_remarks(report)]
    return html.section("Worth knowing", html.findings(lines)) if lines else html.NOTHING


def _agreement(report: ConvertReport) -> Html:
    one = report.comparison.agreement
    if report.mode == "float":
        said = f"This is the float model, which loses nothing; measured on {measured_on(report)}."
        return html.paragraph(said, "sub")
    if one is None:
        return html.join([html.score("not compared"), html.paragraph("no images were left for the comparison", "sub")])
    said = f"get the same top answer from {report.mode} and float"
    interval = f"95 % confidence interval {100 * one.low:.1f} to {100 * one.high:.1f} %"
    if is_rough(one):
        return html.paragraph(f"{one.count} of {measured_on(report)}: {said}; {interval}", "sub")
    bar = html.interval(one.value, one.low, one.high)
    below = html.paragraph(f"of {measured_on(report)}: {said}; {interval}", "sub")
    return html.join([html.score(f"{100 * one.value:.1f}", "%"), below, bar, html.scale()])


def stats(report: ConversionRecord, drop: str, measure: str) -> Html:
    """Return three key figures: size, loss (``drop`` of ``measure`` against float) and time."""
    found = [
        (size(report.file_bytes), f"{report.mode} file; float {size(report.float_bytes)}"),
        (drop, f"{measure} against float"),
        (f"{report.seconds.get('total', 0.0):.0f} s", f"to convert, {peak_rss_mb():,.0f} MB peak memory"),
    ]
    cells = (
        html.tag("div", html.join([html.tag("b", html.text(value)), html.tag("span", html.text(name))]))
        for value, name in found
    )
    return html.tag("div", html.join(cells), "stats")


def _drop(report: ConvertReport) -> str:
    drop = report.comparison.drop
    return "not known" if drop is None else points(drop.value)


def gate_finding(report: ConversionRecord) -> list[tuple[str, str]]:
    """Return whether the limit of the accuracy loss is met, or nothing without a limit."""
    gate = report.gate
    if gate is None:
        return []
    if gate.met:
        return [("good", f"The accuracy drop is within the limit: --max-drop {gate.max_drop_points:g} points.")]
    return [("warn", gate.message())]


def note_finding(note: str) -> tuple[str, str]:
    """Return the kind and the text of a note: information about skipped images, otherwise a warning."""
    return ("info" if note.startswith(HARMLESS) else "warn"), note[:1].upper() + note[1:] + "."


def _remarks(report: ConvertReport) -> Iterator[tuple[str, str]]:
    repair, stretched = report.repair, report.comparison.stretched
    if repair is not None and repair.before is not None and repair.after is not None:
        yield _repaired(repair.before, repair.after)
    if stretched is not None and stretched.count < stretched.total:
        yield "info", _stretched(report.card.preprocessing.resize, stretched)
    if report.comparison.ties:
        said = "images, several classes share the top score; the first of them counts, here and on the device."
        yield "info", f"On {report.comparison.ties} {said}"
    if not report.card.labels:
        yield "info", "The file has no labels: predictions are class numbers. Add labels with --labels FILE."


def _repaired(before: Distance, after: Distance) -> tuple[str, str]:
    said = (
        f"Repair: {before.same} of {before.pictures} selection images had the same top answer as float before, "
        f"{after.same} of {after.pictures} after."
    )
    return ("good" if after.same >= before.same else "info"), said


def _stretched(resize: str, same: Proportion) -> str:
    return (
        f"MediaPipe and ML Kit stretch the whole image, but this model was made for {resize}: images that are not square "
        f"look different there, and {same.total - same.count} of {same.total} get another top answer. "
        "Apply the model's preprocessing yourself before you pass an image to these tools."
    )
