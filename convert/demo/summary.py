"""A finished demo for a person at a terminal."""

from __future__ import annotations

import shlex

from edgevision.stats import Share

from .plan import CLASSES
from .report import DemoReport


def show(report: DemoReport) -> None:
    """Prints the table, the paths, the result line and the next command on stdout."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in (f"{report.conversion.comparison.pictures} new pictures", "float", "int8"):
        table.add_column(name, no_wrap=True)
    for row in rows(report):
        table.add_row(*row)
    Console(highlight=False).print(table, markup=False)
    for line in lines(report):
        print(line)


def rows(report: DemoReport) -> list[tuple[str, str, str]]:
    """Float beside int8, line by line."""
    conversion = report.conversion
    both = (conversion.comparison.float_accuracy, conversion.comparison.int8_accuracy)
    accuracy, interval = ([text(one) for one in both] for text in (_right, _interval))
    return [
        ("right", accuracy[0], accuracy[1]),
        ("95 % interval", interval[0], interval[1]),
        ("size of the .tflite", _mb(conversion.float_bytes), _mb(conversion.int8_bytes)),
    ]


def lines(report: DemoReport) -> list[str]:
    """What came of it, where it is, and what to type next."""
    files, loop = report.files, report.loop
    rate = loop.summary["rate_fps"]
    speed = "" if rate is None else f", {rate:.0f} frames/s"
    agreement = report.conversion.comparison.agreement
    alike = "not measured" if agreement is None else f"{agreement.count} of {agreement.total} answers are the same"
    return [
        f"float, int8  {alike}",
        f"the loop     {loop.accuracy.count} of {loop.accuracy.total} video frames right{speed}",
        f"look at      {files.contact_sheet} and {files.clip}",
        f"models       {files.keras} became {files.tflite}",
        f"pictures     {files.pictures}",
        f"all numbers  {files.report}",
        "",
        f"Recognises {', '.join(CLASSES)}: drawn, learned, quantized and run in {report.seconds['total']:.0f} s, "
        f"{files.folder}",
        f"Next: {shlex.join(loop.command)}",
    ]


def _right(value: Share | None) -> str:
    return "not measured" if value is None else f"{value.count} ({100 * value.value:.1f} %)"


def _interval(value: Share | None) -> str:
    return "" if value is None else f"{100 * value.low:.1f} to {100 * value.high:.1f} %"


def _mb(count: int) -> str:
    return f"{count / 1e6:.2f} MB"
