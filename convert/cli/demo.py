"""``edgevision demo``: runs all stages offline on synthetic images."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgevision.cli.options import json_option, quiet_option, runs_option, seed_option
from edgevision.cli.terminal import say, say_json, say_lines

if TYPE_CHECKING:
    from rich.table import Table


@click.command()
@json_option
@runs_option
@quiet_option
@seed_option
@click.option(
    "--task",
    type=click.Choice(("classification", "detection")),
    default="classification",
    show_default=True,
    help="classification: what an image shows. detection: where several things are; they are followed and counted.",
)
def demo(as_json: bool, runs: Path, quiet: bool, seed: int, task: str) -> None:
    """Run all stages offline on synthetic images: train from the starter weights, convert, evaluate, run the loop on a video.

    Takes about a minute on two cores, with --task detection two to three. Exits with 3 if the accuracy of the int8 model is
    below 97 %; for a detector, if its mAP50 is below 95 % or if objects in the video are counted wrongly.
    """
    (_detection if task == "detection" else _classification)(as_json, runs, quiet, seed)


def _classification(as_json: bool, runs: Path, quiet: bool, seed: int) -> None:
    from ..demo import summary
    from ..demo.options import DemoOptions
    from ..demo.run import run_demo
    from .progress import terminal_progress

    report = run_demo(DemoOptions(runs=runs, seed=seed), lambda: terminal_progress(quiet), _teller(quiet))
    if as_json:
        say_json(report.to_json())
    else:
        _show(summary.table(report), summary.lines(report))
    report.require_goal()


def _detection(as_json: bool, runs: Path, quiet: bool, seed: int) -> None:
    from ..demo import detection_report
    from ..demo.detection_options import DetectionDemoOptions
    from ..demo.detection_run import run_detection_demo
    from .progress import terminal_progress

    options = DetectionDemoOptions(runs=runs, seed=seed)
    report = run_detection_demo(options, lambda: terminal_progress(quiet), _teller(quiet))
    if as_json:
        say_json(report.to_json())
    else:
        _show(detection_report.table(report), detection_report.lines(report))
    report.require_goal()


def _teller(quiet: bool) -> Callable[[str], None]:
    """Return what receives a line for each finished stage."""
    return (lambda text: None) if quiet else (lambda text: say(text, err=True))


def _show(table: Table, lines: list[str]) -> None:
    from rich.console import Console

    Console(highlight=False).print(table, markup=False)
    say_lines("\n".join(lines))
