"""``edgevision flash``: what can be learnt from a card in another machine."""

from __future__ import annotations

from pathlib import Path

import click

from edgevision.commands.options import PATH, json_option


@click.group()
def flash() -> None:
    """Look at the card of a Raspberry Pi, or at its image, from another machine."""


@flash.command()
@click.argument("card", type=PATH)
@json_option
def status(card: Path, as_json: bool) -> int:
    """Say how far the installation on CARD came: an image, a card's device, or its boot partition where it is mounted.

    It reads what install.pyz --status /boot/firmware/edgevision/status.json left there. Exit status 3 where it is not done.
    """
    from edgevision.runs import dump
    from edgevision.terminal import printable

    from ..provision.flash.status import read_status

    found = read_status(card)
    if as_json:
        click.echo(dump(found.value))
    else:
        click.echo("\n".join(printable(line) for line in found.describe()))
    return 0 if found.done else 3
