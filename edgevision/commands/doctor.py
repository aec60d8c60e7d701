"""``edgevision doctor MODEL``: does this machine compute what the converter measured?"""

from __future__ import annotations

from pathlib import Path

import click

from .options import PATH, json_option


@click.command()
@click.argument("model", type=PATH)
@json_option
def doctor(model: Path, as_json: bool) -> None:
    """Run the self-test that a model file carries on this machine; exit 3 if it fails."""
    from ..model import open_model
    from ..selftest import check

    with open_model(model) as opened:
        report = check(opened)
        _show(opened.path, report.describe(), report.ok, as_json)
    if not report.ok:
        from ..errors import GateNotMet

        raise GateNotMet(f"{model} does not compute here what it was made to: {report.describe()}; convert it again")


def _show(path: Path, text: str, good: bool, as_json: bool) -> None:
    from ..runs import dump

    if as_json:
        check = {"name": "self-test", "ok": good, "found": text, "fix": None if good else "convert the model again"}
        click.echo(dump({"schema": "edgevision.doctor/1", "model": str(path), "checks": [check]}))
    elif good:
        click.echo(f"self-test passed: {text}")
        click.echo(f"next: edgevision run {path} --camera 0")
