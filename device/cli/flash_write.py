"""``edgevision flash write``: write an OS image to an SD card and verify it by reading it back."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edgevision.cli.options import PATH, quiet_option
from edgevision.cli.terminal import say

from .flash_disk import allowed, confirm, disk_options, require_rights, this_host

if TYPE_CHECKING:
    from ..flash.disk.write_card import Card
    from .flash_events import Events


@click.command()
@click.argument("image", type=PATH)
@disk_options
@click.option(
    "--sha256",
    metavar="HEX",
    help="Expected SHA-256 of IMAGE, checked first.  [default: read from IMAGE.sha256 beside it]",
)
@quiet_option
def write(
    image: Path,
    to: Path,
    yes: bool,
    expect_serial: str | None,
    sha256: str | None,
    as_json: bool,
    quiet: bool,
    **rest: Any,
) -> None:
    """Write IMAGE to the whole drive DEV, verify it by reading it back, and write the partition table last.

    Needs permission to write to DEV (root). Refuses drives used by the system, and doubtful ones unless an --allow option
    permits them.
    """
    from ..flash.disk.confirm_target import TargetConfirmation, choose
    from ..flash.disk.image_source import examine
    from ..flash.disk.write_card import check_sha256, require_sound, write_card
    from ..flash.image.unpack import wanted_sha256
    from .flash_events import events

    with events(as_json, quiet) as said:
        host = this_host()
        found, wanted = examine(image), wanted_sha256(image, sha256)
        choice = TargetConfirmation(to, allowed(rest), expect_serial, (image,), found.bytes)
        verdict = choose(choice, host)
        require_rights(host, verdict.drive)
        require_sound(found)
        confirm(verdict, f"{image} ({found.bytes / 1e9:.2f} GB), {found.said}", yes, expect_serial)
        if wanted:
            check_sha256(image, wanted, said.report)
        card = write_card(found, choice, verdict.drive, host, said.report)
    show_end(card, said, as_json)


def show_end(card: Card, said: Events, as_json: bool) -> None:
    """Report the result of ``flash write`` and ``flash card``."""
    device, written = card.drive.device, card.written
    seconds = said.meter.seconds
    said.end(
        "done",
        device=device,
        bytes=written.bytes,
        sha256=written.sha256,
        seconds={k: round(v, 3) for k, v in seconds.items()},
    )
    if as_json:
        return
    took = (seconds["write"] + seconds["flush"], seconds["verify"])
    rates = [f"{written.bytes / 1e6 / max(one, 1e-3):.0f} MB/s" for one in took]
    say(f"wrote {device}: {written.bytes / 1e9:.2f} GB at {rates[0]}, verified at {rates[1]}, sha256 {written.sha256}")
    again = "" if card.partitions_known else "; to read it on this machine, remove and insert it again"
    say(f"the SD card can be removed now{again}")
    if card.prepared:
        say(f"next: boot the Raspberry Pi from it; if it cannot be reached: edgevision flash status {device}")
