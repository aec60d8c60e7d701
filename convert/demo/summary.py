"""Summary of a finished demo for the terminal."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from edgevision.evaluation.intervals import Proportion

from .options import CLASSES
from .report import DemoReport

if TYPE_CHECKING:
    from rich.table import Table


def table(report: DemoReport) -> Table:
    """Return the table of the accuracies and sizes."""
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in (f"{report.conversion.comparison.pictures} held-out images", "float", "int8"):
        table.add_column(name, no_wrap=True)
    for row in rows(report):
        table.add_row(*row)
    return table


def rows(report: DemoReport) -> list[tuple[str, str, str]]:
    """Return the table rows: measure, float, int8."""
    conversion = report.conversion
    both = (conversion.comparison.float_accuracy, conversion.comparison.converted_accuracy)
    accuracy, interval = ([text(one) for one in both] for text in (_right, _interval))
    return [
        ("correct", accuracy[0], accuracy[1]),
        ("95 % confidence interval", interval[0], interval[1]),
        ("file size (.tflite)", _mb(conversion.float_bytes), _mb(conversion.file_bytes)),
    ]


def lines(report: DemoReport) -> list[str]:
    """Return the lines with the results, the paths and the next command."""
    files, loop = report.files, report.loop
    rate = loop.summary["rate_fps"]
    speed = "" if rate is None else f", {rate:.0f} frames/s"
    agreement = report.conversion.comparison.agreement
    alike = "not measured" if agreement is None else f"{agreement.count} of {agreement.total} images: same top answer"
    return [
        f"agreement    {alike}",
        f"loop         {loop.accuracy.count} of {loop.accuracy.total} video frames correct{speed}",
        f"results      {files.contact_sheet} and {files.clip}",
        f"models       {files.keras} -> {files.tflite}",
        f"images       {files.pictures}",
        f"report       {files.report}",
        "",
        f"Recognizes {', '.join(CLASSES)}: drawn, trained, quantized and run in {report.seconds['total']:.0f} s, "
        f"{files.folder}",
        f"Next: {shlex.join(loop.command)}",
    ]


def _right(value: Proportion | None) -> str:
    return "not measured" if value is None else f"{value.count} ({100 * value.value:.1f} %)"


def _interval(value: Proportion | None) -> str:
    return "" if value is None else f"{100 * value.low:.1f} to {100 * value.high:.1f} %"


def _mb(count: int) -> str:
    return f"{count / 1e6:.2f} MB"
