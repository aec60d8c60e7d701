"""``edgevision demo``: runs all stages offline on synthetic images."""

from __future__ import annotations

from pathlib import Path

import click

from edgevision.cli.options import json_option, quiet_option, runs_option, seed_option
from edgevision.cli.terminal import say, say_json, say_lines


@click.command()
@json_option
@runs_option
@quiet_option
@seed_option
def demo(as_json: bool, runs: Path, quiet: bool, seed: int) -> None:
    """Run all stages offline on synthetic images: train from the starter weights, convert, evaluate, run the loop on a video.

    Takes about a minute on two cores. Exits with 3 if the accuracy of the int8 model is below 97 %.
    """

    from ..demo.options import DemoOptions
    from ..demo.run import run_demo
    from .progress import terminal_progress

    def tell(text: str) -> None:
        if not quiet:
            say(text, err=True)

    report = run_demo(DemoOptions(runs=runs, seed=seed), lambda: terminal_progress(quiet), tell)
    if as_json:
        say_json(report.to_json())
    else:
        from rich.console import Console

        from ..demo import summary

        Console(highlight=False).print(summary.table(report), markup=False)
        say_lines("\n".join(summary.lines(report)))
    report.require_goal()
