"""``edgevision demo``: the whole chain, offline, on pictures it draws itself."""

from __future__ import annotations

from pathlib import Path

import click

from edgevision.commands.options import json_option, quiet_option, runs_option, seed_option


@click.command()
@json_option
@runs_option
@quiet_option
@seed_option
def demo(as_json: bool, runs: Path, quiet: bool, seed: int) -> None:
    """See the whole chain run, offline: draw pictures, train from the starter weights, convert, score, film, run the loop.

    Takes about a minute on two cores; exit 3 if the int8 model gets fewer than 97 % right.
    """
    from edgevision.runs import dump

    from ..demo.chain import run_demo
    from ..demo.plan import DemoOptions
    from ..demo.summary import show

    report = run_demo(DemoOptions(runs=runs, seed=seed, quiet=quiet))
    if as_json:
        click.echo(dump(report.to_json()))
    else:
        show(report)
    report.require_goal()
