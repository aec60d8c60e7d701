"""Summary of a finished conversion for the terminal: a table, the result line and the next command."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgevision.evaluation.tables import percent
from edgevision.evaluation.trained_on import describe
from edgevision.next_command import run_command
from edgevision.tflite.detection_op import DETECTION_OPERATOR

from ..modes import MODES
from .detector_record import DetectorConvertReport
from .detector_summary import detector_rows
from .preprocessing_line import preprocessing_line
from .record import ConvertReport
from .shared_record import ConversionRecord
from .text import measured_on, points

if TYPE_CHECKING:
    from rich.table import Table

AnyReport = ConvertReport | DetectorConvertReport


def table(report: AnyReport) -> Table:
    """Return the table; its texts are not markup: paths and labels may contain brackets and colons."""
    from rich.table import Table

    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in rows(report):
        table.add_row(name, value)
    return table


def lines(report: AnyReport) -> list[str]:
    """Return the lines below the table: the result and the next command."""
    size, page = _mb(report.file_bytes), f"; report: {report.page_path}" if report.page_path else ""
    return [
        "",
        f"Converted {report.source.path} to {report.path} ({size}) in {report.seconds['total']:.0f} s{page}.",
        f"Next: {run_command(report.path, images=report.calibration.folder)}",
    ]


def rows(report: AnyReport) -> list[tuple[str, str]]:
    """Return the rows of the table: name and text."""
    labels = f"{len(report.card.labels)} ({report.labels_from})" if report.card.labels else report.labels_from
    return [
        ("model", f"{report.card.name}: {report.card.task}, {report.parameters:,} parameters"),
        ("preprocessing", preprocessing_line(report.card.preprocessing, report.normalization)),
        ("", report.preprocessing_from),
        ("labels", labels),
        ("size", _size(report)),
        ("operators", _operators(report)),
        ("calibration", _calibration(report)),
        *_repair(report),
        *(detector_rows(report) if isinstance(report, DetectorConvertReport) else _classifier_rows(report)),
        *_edgetpu(report),
        ("time", ", ".join(f"{name} {value:.1f} s" for name, value in report.seconds.items() if name != "total")),
    ]


def _edgetpu(report: ConversionRecord) -> list[tuple[str, str]]:
    """Return the table of the Edge TPU's compiler: what it maps, and for the rest why not."""
    made = report.edgetpu
    if made is None:
        return []
    if made.problem is not None:
        return [("Edge TPU", f"not compiled: {made.problem}")]
    log = made.attempts[-1].log
    parts = "" if log.subgraphs in (None, 1) else f" in {log.subgraphs} parts"
    head = f"{100 * made.mapped:.1f} % of the operators{parts}; edgetpu_compiler {log.version or 'of unknown version'}"
    memory = [
        f"{size / 1e6:.2f} MB of weights {where}"
        for size, where in ((log.on_chip_bytes, "on the chip"), (log.off_chip_bytes, "sent for each image"))
        if size is not None
    ]
    rows = [f"{one.count} {one.name}: {'Edge TPU' if one.edgetpu else f'CPU, {one.reason}'}" for one in made.operators]
    return [("Edge TPU", "\n".join([head, *([", ".join(memory)] if memory else []), *rows]))]


def _classifier_rows(report: ConvertReport) -> list[tuple[str, str]]:
    return [
        ("agreement", _agreement(report)),
        ("top-1", _accuracy(report)),
        *balance_row(report),
        *trained_on_row(report),
        ("self-test", _selftest(report)),
        *_embedding(report),
    ]


def _agreement(report: ConvertReport) -> str:
    result = report.comparison
    if result.agreement is None:
        return "not measured: no images left besides the calibration set"
    if report.mode == "float":
        return f"not needed: the file is the float model, checked on {measured_on(report)}"
    ties = f"; {result.ties} ties for the best {report.mode} score" if result.ties else "; no ties"
    return f"{percent(result.agreement)} same answer in float and {report.mode}, on {measured_on(report)}{ties}"


def _calibration(report: ConversionRecord) -> str:
    chosen = report.calibration
    if not MODES[report.mode].calibrated:
        return f"not needed; {len(chosen.chosen)} images of {chosen.folder} are the reference for drift"
    selection = f" and {len(chosen.selection)} for selection" if chosen.selection else ""
    return f"{len(chosen.chosen)} images{selection}, from {chosen.folder}; {len(chosen.skipped)} skipped"


def _repair(report: ConversionRecord) -> list[tuple[str, str]]:
    """Return the rows on the repair and on the layers with the largest remaining error."""
    repair = report.repair
    if repair is None or repair.before is None or repair.after is None:
        return []
    undone = [step.name for step in repair.steps if not step.kept]
    done = ", ".join(repair.kept) or "no step helped"
    left = f" (no improvement: {', '.join(undone)})" if undone else ""
    before, after = repair.before, repair.after
    if after.boxes is None:
        same = f"same answer on {before.same} before and {after.same} after, of {after.pictures} selection images"
    else:
        found = "points" if report.card.task == "points" else "boxes"
        of = f"{before.same} of {before.boxes} {found} before and {after.same} of {after.boxes} after"
        same = f"same as in float: {of}, on {after.pictures} selection images"
    worst = [
        f"{layer.name} {layer.snr_db_before:.0f} -> {layer.snr_db_after:.0f} dB: {layer.action}"
        for layer in repair.worst_layers
    ]
    return [("repair", f"{done}{left}; {same}"), ("worst layers", "\n".join(worst))]


def _embedding(report: ConvertReport) -> list[tuple[str, str]]:
    found = report.card.embedding
    return [("embedding", f"{found.size} values, {found.tensor} (second output)")] if found else []


def _accuracy(report: ConvertReport) -> str:
    result = report.comparison
    if result.float_accuracy is None or result.converted_accuracy is None or result.drop is None:
        return "unknown: the images have no labels; give labeled images with --eval-data"
    lost = f"{points(result.drop.value)} (95 %: {points(result.drop.low, '')} to {points(result.drop.high, '')})"
    if report.heldout.only_trained_on:
        return f"unknown: the model was trained on all of these images; {lost}; give other images with --eval-data"
    if report.mode == "float":
        return f"{percent(result.float_accuracy)}, on {measured_on(report)}"
    return f"float {percent(result.float_accuracy)}, {report.mode} {percent(result.converted_accuracy)}, {lost}"


def balance_row(report: ConvertReport) -> list[tuple[str, str]]:
    """Return the row that shows what the accuracy is worth if the classes have different numbers of images."""
    one = report.comparison.balance
    if one is None or report.heldout.only_trained_on:
        return []
    name = report.card.label(one.most_frequent)
    both = f"float {100 * one.float_balanced:.1f} %, {report.mode} {100 * one.converted_balanced:.1f} % mean recall of the classes"
    return [("balanced", f"{both}; always answering {name} would be right on {100 * one.baseline:.1f} %")]


def trained_on_row(report: ConvertReport) -> list[tuple[str, str]]:
    """Return the row with the images that the model was trained on, which are in no other figure."""
    one = report.comparison.trained_on
    if one is None:
        return []
    shares = (("float", one.float_accuracy), (report.mode, one.converted_accuracy), ("same answer", one.agreement))
    figures = ", ".join(f"{name} {share.count} of {share.total}" for name, share in shares if share is not None)
    apart = "" if report.heldout.only_trained_on else "; counted apart"
    return [("trained on", f"{figures}, on {describe({'train': one.train, 'val': one.val})}{apart}")]


def _operators(report: ConversionRecord) -> str:
    counts = ", ".join(f"{one.count} {one.name}" for one in report.graph.counts())
    whole: str = "all int8" if report.graph.all_int8 else report.mode
    if report.card.task == "detection":
        network = "all int8" if MODES[report.mode].int8 else report.mode
        whole = f"{network}, but for the list of boxes by {DETECTION_OPERATOR}"
    return f"{counts}; {whole}"


def _selftest(report: ConvertReport) -> str:
    made = report.selftest
    return f"{len(made.test.cases)} synthetic images; the top class leads by {made.margin:.2f} or more"


def _size(report: ConversionRecord) -> str:
    if report.mode == "float":
        return f"{_mb(report.file_bytes)}, with the model card"
    return f"{_mb(report.float_bytes)} float, {_mb(report.file_bytes)} {report.mode}"


def _mb(count: int) -> str:
    return f"{count / 1e6:.2f} MB"
