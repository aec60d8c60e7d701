"""What the model was made of, and how: pictures, operators, source, self-test, time, versions."""

from __future__ import annotations

from collections.abc import Sequence

from edgevision import html, runs
from edgevision.html import Html
from edgevision.terminal import size

from ..calibrate import Picture, fingerprint
from ..report import ConvertReport, peak_rss_mb


def pictures_used(report: ConvertReport) -> Html:
    """The three sets, and that they are three."""
    calibration, held = report.calibration, report.heldout
    rows = [
        ["calibrate", *_set(calibration.chosen)],
        ["choose", *_set(calibration.choosing)],
        ["report", str(report.comparison.pictures), held.fingerprint[:16] if held.pictures else "-"],
    ]
    note = "No picture is in two of the sets; the one that is reported on was looked at once."
    if not held.independent:
        note = "No independent report: the pictures reported on are those that chose between ways to quantize."
    elif not report.comparison.pictures:
        note = "No report: no pictures were left for it."
    table = html.table(["set", "pictures", "<fingerprint"], rows)
    left = len(calibration.skipped) + len(held.skipped) + len(report.comparison.skipped)
    labelled = f"{held.labelled} of the reported pictures have a label."
    more = f" {left} pictures were left out; the .json says which and why." if left else ""
    return html.section("Pictures", table, html.paragraph(labelled + more), note=note)


def operators(report: ConvertReport) -> Html:
    """What the graph is made of."""
    rows = [[op.name, str(op.version), str(op.count), "yes" if op.int8 else "no"] for op in report.graph.counts()]
    said = "Everything is computed in int8." if report.graph.all_int8 else "Not everything is computed in int8."
    return html.section("Operators", html.table(["operator", "version", "count", "int8"], rows), note=said)


def record(report: ConvertReport) -> Html:
    """How it was made, so that it can be made again."""
    card, source = report.card, report.source
    keras = f", Keras {source.keras_version}" if source.keras_version else ""
    rows = [
        ["file", f"{report.path} ({size(report.int8_bytes)})"],
        ["sha256", report.sha256],
        ["made from", f"{source.path} ({source.format}{keras}, {size(source.bytes)})"],
        ["its sha256", card.source_sha256 or "not known"],
        ["pictures of", str(report.calibration.folder)],
        ["reported on", str(report.heldout.path)],
        ["labels", f"{len(card.labels)} ({report.labels_from})" if card.labels else report.labels_from],
        ["ranges", report.repair.range_method if report.repair else "minmax"],
        ["self-test", _selftest(report)],
        ["time", ", ".join(f"{name} {value:.1f} s" for name, value in report.seconds.items())],
        ["memory", f"{peak_rss_mb():,.0f} MB at most"],
        ["versions", ", ".join(f"{name} {version}" for name, version in runs.versions().items())],
    ]
    if card.created:
        rows.insert(2, ["made on", card.created])
    return html.section("How it was made", html.table(["", ""], rows, plain=True))


def _set(found: Sequence[Picture]) -> tuple[str, str]:
    """How many, and which, whatever their names and order."""
    return str(len(found)), fingerprint(one.sha256 for one in found)[:16] if found else "-"


def _selftest(report: ConvertReport) -> str:
    made = report.selftest
    return (
        f"{len(made.test.cases)} generated pictures in the file; the best answer leads by {made.margin:.2f} or more, "
        f"scores may differ by {made.test.tolerance:g} between machines"
    )
