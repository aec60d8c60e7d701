"""NAME.report.html of a detector: the same sections as of a classifier, with boxes or points in place of answers."""

from __future__ import annotations

from edgevision.evaluation.detection.formatting import with_interval
from edgevision.evaluation.detection.page import (
    classes_section,
    curves_section,
    error_counts_section,
    error_sections,
)
from edgevision.evaluation.detection.points.measures import RULE
from edgevision.reporting import html
from edgevision.reporting.html import Html

from ...comparison.float_vs_converted_detector import Loss
from ...modes import Mode
from ..detector_record import DetectorConvertReport, is_independent
from ..detector_summary import lost, measured_on, partners, points, selftest_text, unit
from .headline import gate_finding, note_finding, stats
from .layers import layers
from .other_tools import other_tools
from .preprocessing_text import preprocessing
from .provenance import operators, record, set_cells
from .ranges import ranges

MEASURES = {
    "boxes": "Mean average precision as COCO defines it, 50: boxes count from half overlap on. On the same images, with 95 % "
    "confidence intervals. Same boxes: same class and half overlap, above the model's threshold.",
    "points": f"F1 at the model's threshold: {RULE}. On the same images, with 95 % confidence intervals. Same points: same "
    "class and at most a cell apart.",
}
"""What the measures mean, by what is found."""


def detector_page(report: DetectorConvertReport) -> str:
    """Return the HTML text. Values that were not measured are marked as such or left out."""
    parts = [
        _headline(report),
        _worth_knowing(report),
        _comparison(report),
        *_converted_sections(report),
        layers(report),
        other_tools(report),
        preprocessing(report),
        _images(report),
        ranges(report),
        operators(report),
        record(report, str(report.heldout.data.path), selftest_text(report)),
    ]
    return html.page(f"{report.card.name} - edgevision convert", parts)


def _headline(report: DetectorConvertReport) -> Html:
    card, one, drop = report.card, report.comparison.agreement, report.comparison.drop
    if report.mode == "float":
        said = html.paragraph(
            f"This is the float model, which loses nothing; measured on {measured_on(report)}.", "sub"
        )
    elif one is None or one.value is None or one.low is None or one.high is None:
        said = html.join([html.score("not compared"), html.paragraph(f"no {unit(report)} to compare", "sub")])
    else:
        interval = f"95 % confidence interval {100 * one.low:.1f} to {100 * one.high:.1f} %"
        below = f"{partners(report)}, on {measured_on(report)}; {interval}"
        bar = html.interval(one.value, one.low, one.high)
        number = html.score(f"{100 * one.value:.1f}", f"% same {unit(report)}")
        said = html.join([number, html.paragraph(below, "sub"), bar, html.scale()])
    main = report.comparison.losses[0].name if report.comparison.losses else "loss"
    figures = stats(report, "not known" if drop is None or drop.value is None else points(drop.value), main)
    return html.header("edgevision convert", card.name, html.paragraph(report.network, "sub"), said, figures)


def _worth_knowing(report: DetectorConvertReport) -> Html:
    lines = [*gate_finding(report), *map(note_finding, report.notes)]
    repair = report.repair
    if repair is not None and repair.before is not None and repair.after is not None:
        said = (
            f"Repair: {repair.before.same} of {repair.before.total} {unit(report)} had a partner in float before, "
            f"{repair.after.same} of {repair.after.total} after, on {repair.after.pictures} selection images."
        )
        lines.append(("info", said))
    return html.section("Worth knowing", html.findings(lines)) if lines else html.NOTHING


def _comparison(report: DetectorConvertReport) -> Html:
    done = report.comparison.evaluation
    if done is None or done.other_measures is None or report.comparison.drop is None:
        note = "The images have no boxes of the model's classes, so only the agreement could be measured."
        return html.section(report.pair, note=note)
    rows = [row for one in report.comparison.losses for row in _rows(one, report.mode)]
    note = MEASURES[unit(report)]
    return html.section(report.pair, html.table(["", ""], rows, plain=True), note=note)


def _rows(one: Loss, mode: Mode) -> list[list[str]]:
    measured = [[f"{one.name}, float", with_interval(one.float_)]]
    if mode == "float":
        return measured
    return [
        *measured,
        [f"{one.name}, {mode}", with_interval(one.converted)],
        ["difference", lost(one.drop)],
    ]


def _converted_sections(report: DetectorConvertReport) -> list[Html]:
    """Return the sections on the converted detector: classes, curves, errors; none without boxes."""
    done = report.comparison.evaluation
    measures = done.other_measures if done else None
    if done is None or measures is None or not measures.metrics.objects:
        return []
    images = error_sections(measures, done.images)
    return [classes_section(measures), curves_section(measures), error_counts_section(measures), *images]


def _images(report: DetectorConvertReport) -> Html:
    calibration, held, done = report.calibration, report.heldout, report.comparison.evaluation
    rows = [
        [report.calibration_name, *set_cells(calibration.chosen)],
        ["selection", *set_cells(calibration.selection)],
        ["held-out", str(report.comparison.pictures), done.fingerprint[:16] if done else "-"],
    ]
    if done is not None and done.trained_on is not None and done.trained_on.counted_apart:
        rows.append(["trained on, counted apart", str(done.trained_on.train + done.trained_on.val), "-"])
    note = "No image is in two of the sets; the held-out set was evaluated once, after all decisions."
    if not is_independent(held, report.comparison):
        note = f"No independent held-out set: measured on {measured_on(report)}."
    labeled = "The held-out images have boxes." if held.labeled else "The held-out images have no boxes."
    table = html.table(["set", "images", "<fingerprint"], rows)
    return html.section("Images", table, html.paragraph(labeled), note=note)
