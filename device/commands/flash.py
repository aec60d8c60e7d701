"""``edgevision flash``: which disk is the card, and what can be learnt from it in another machine."""

from __future__ import annotations

from pathlib import Path

import click

from edgevision.commands.options import DEVICE, json_option

from .flash_card import card
from .flash_check import check
from .flash_config import config
from .flash_image import image
from .flash_write import write


@click.group()
def flash() -> None:
    """Make the card of a Raspberry Pi, or look at it, from another machine."""


@flash.command()
@json_option
def drives(as_json: bool) -> None:
    """List the disks of this machine, and which of them could be a card; nothing is opened or changed."""
    from dataclasses import asdict

    from edgevision.runs import dump
    from edgevision.terminal import show, table

    from ..provision.flash.block_devices import Machine
    from ..provision.flash.drive_rules import judge_all

    found = judge_all(Machine())
    if as_json:
        rows = [
            {
                **asdict(one.drive),
                "suitable": one.suitable,
                "never": one.never,
                "doubts": [doubt.text for doubt in one.doubts],
            }
            for one in found
        ]
        click.echo(dump({"schema": "edgevision.drives/1", "drives": rows}))
        return
    if not found:
        click.echo("no disks here")
        return
    cells = []
    for one in found:
        drive = one.drive
        said = "; ".join([*one.never, *map(str, one.doubts)]) or "could be a card"
        said += f"; mounted at {', '.join(one.mounted)}" if one.mounted else ""
        cells.append(
            (drive.device, f"{drive.bytes / 1e9:.1f}", drive.kind, drive.model or "?", drive.serial or "?", said)
        )
    show(table(("device", ">GB", "kind", "model", "serial", ""), cells))


@flash.command()
@click.argument("card", type=DEVICE)
@json_option
def status(card: Path, as_json: bool) -> int:
    """Say how far the installation on CARD came: an image, a card's device, or its boot partition where it is mounted.

    It reads what the first starts of a prepared card left there, or install.pyz --status
    /boot/firmware/edgevision/status.json. Exit status 3 where it is not done.
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


flash.add_command(config)
flash.add_command(image)
flash.add_command(check)
flash.add_command(write)
flash.add_command(card)
