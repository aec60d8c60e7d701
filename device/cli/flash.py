"""``edgevision flash``: the command group, with ``drives`` and ``status``."""

from __future__ import annotations

from pathlib import Path

import click

from edgevision.cli.options import DEVICE, json_option
from edgevision.cli.terminal import say, say_json, say_lines

from .flash_card import card
from .flash_check import check
from .flash_config import config
from .flash_image import image
from .flash_write import write


@click.group()
def flash() -> None:
    """Prepare the SD card of a Raspberry Pi, or inspect one, on another machine."""


@flash.command()
@json_option
def drives(as_json: bool) -> None:
    """List the drives of this machine and whether each may be an SD card. Nothing is opened or changed."""
    from dataclasses import asdict

    from edgevision.cli.terminal import show
    from edgevision.reporting.terminal import table

    from ..flash.disk.block_devices import Machine
    from ..flash.disk.safety_rules import judge_all

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
        say_json({"schema": "edgevision.drives/1", "drives": rows})
        return
    if not found:
        say("no drives found")
        return
    cells = []
    for one in found:
        drive = one.drive
        said = "; ".join([*one.never, *map(str, one.doubts)]) or "may be an SD card"
        said += f"; mounted at {', '.join(one.mounted)}" if one.mounted else ""
        cells.append(
            (drive.device, f"{drive.bytes / 1e9:.1f}", drive.kind, drive.model or "?", drive.serial or "?", said)
        )
    show(table(("device", ">GB", "kind", "model", "serial", ""), cells))


@flash.command()
@click.argument("card", type=DEVICE)
@json_option
def status(card: Path, as_json: bool) -> int:
    """Report how far the installation on CARD has got. CARD: an OS image, an SD card's device, or its mounted boot partition.

    The status was written by the first boots of a prepared SD card, or by install.pyz --status
    /boot/firmware/edgevision/status.json. Exit code 3: the installation is not finished.
    """
    from edgevision.reporting.terminal import printable

    from ..flash.image.status import read_status

    found = read_status(card)
    if as_json:
        say_json(found.value)
    else:
        say_lines("\n".join(printable(line) for line in found.describe()))
    return 0 if found.done else 3


flash.add_command(config)
flash.add_command(image)
flash.add_command(check)
flash.add_command(write)
flash.add_command(card)
