"""Report sections on the origin of a model: images, operators, source, self-test, time, versions."""

from __future__ import annotations

from collections.abc import Sequence

from edgevision.files import run_folder
from edgevision.reporting import html
from edgevision.reporting.html import Html
from edgevision.reporting.terminal import size
from edgevision.tflite.detection_op import DETECTION_OPERATOR

from ...images.calibration import Picture, fingerprint
from ..record import ConvertReport
from ..shared_record import ConversionRecord, peak_rss_mb, range_method


def pictures_used(report: ConvertReport) -> Html:
    """Return the section on the three separate sets of images."""
    calibration, held = report.calibration, report.heldout
    rows = [
        [report.calibration_name, *set_cells(calibration.chosen)],
        ["selection", *set_cells(calibration.selection)],
        ["held-out", str(report.comparison.pictures), held.fingerprint[:16] if held.pictures else "-"],
    ]
    if report.comparison.trained_on is not None and not held.only_trained_on:
        rows.append(["trained on, counted apart", str(len(held.pictures) - len(held.fresh)), "-"])
    note = "No image is in two of the sets; the held-out set was evaluated once, after all decisions."
    if held.only_trained_on:
        note = "No independent held-out set: the model was trained on all of these images."
    elif not held.independent:
        note = "No independent held-out set: the reported images are those that chose between ways to quantize."
    elif not report.comparison.pictures:
        note = "No held-out set: no images were left for it."
    table = html.table(["set", "images", "<fingerprint"], rows)
    left = len(calibration.skipped) + len(held.skipped) + len(report.comparison.skipped)
    labelled = f"{held.labelled} of the held-out images have a label."
    more = f" {left} images were skipped; the .json report lists them with the reason." if left else ""
    return html.section("Images", table, html.paragraph(labelled + more), note=note)


def operators(report: ConversionRecord) -> Html:
    """Return the section on the operators of the graph."""
    rows = [[op.name, str(op.version), str(op.count), "yes" if op.int8 else "no"] for op in report.graph.counts()]
    said = "All operators run in int8." if report.graph.all_int8 else f"The network runs as {report.mode}."
    if report.card.task == "detection":
        said = f"The network runs as {report.mode}; {DETECTION_OPERATOR} selects the boxes in float, as everywhere."
    return html.section("Operators", html.table(["operator", "version", "count", "int8"], rows), note=said)


def record(report: ConversionRecord, heldout: str, selftest: str) -> Html:
    """Return the section on how the model was made, with all that is needed to reproduce it.

    ``heldout``: where the held-out images are; ``selftest``: what the self-test is.
    """
    card, source = report.card, report.source
    keras = f", Keras {source.keras_version}" if source.keras_version else ""
    rows = [
        ["file", f"{report.path} ({size(report.file_bytes)})"],
        ["sha256", report.sha256],
        ["source", f"{source.path} ({source.format}{keras}, {size(source.bytes)})"],
        ["source sha256", card.source_sha256 or "not known"],
        [f"{report.calibration_name} images", str(report.calibration.folder)],
        ["held-out images", heldout],
        ["labels", f"{len(card.labels)} ({report.labels_from})" if card.labels else report.labels_from],
        ["activation ranges", range_method(report.mode, report.repair) or "none: not needed"],
        ["self-test", selftest],
        ["time", ", ".join(f"{name} {value:.1f} s" for name, value in report.seconds.items())],
        ["peak memory", f"{peak_rss_mb():,.0f} MB"],
        ["versions", ", ".join(f"{name} {version}" for name, version in run_folder.versions().items())],
    ]
    if card.created:
        rows.insert(2, ["created", card.created])
    return html.section("How it was made", html.table(["", ""], rows, plain=True))


def set_cells(found: Sequence[Picture]) -> tuple[str, str]:
    """Return the size and the fingerprint of a set; the fingerprint ignores names and order."""
    return str(len(found)), fingerprint(one.sha256 for one in found)[:16] if found else "-"


def selftest_text(report: ConvertReport) -> str:
    """Describe the self-test in the file."""
    made = report.selftest
    return (
        f"{len(made.test.cases)} generated images in the file; the top score leads by at least {made.margin:.2f}; "
        f"scores may differ by {made.test.tolerance:g} between machines"
    )
