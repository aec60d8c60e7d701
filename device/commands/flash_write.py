"""``edgevision flash write``: an image to a card, byte by byte, read back."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edgevision.commands.options import PATH, quiet_option

from .flash_disk import allowed, confirm, disk_options, require_rights, this_host

if TYPE_CHECKING:
    from ..provision.flash.card_writing import Card
    from .flash_events import Events


@click.command()
@click.argument("image", type=PATH)
@disk_options
@click.option(
    "--sha256", metavar="HEX", help="Of the image, checked beforehand.  [default: what IMAGE.sha256 beside it says]"
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
    """Write IMAGE to the whole disk DEV, read all of it back, and only then give it its partition table.

    Takes the right to write to DEV (root). Refused: disks that the system uses, and doubtful ones without the option for it.
    """
    from ..provision.flash.card_writing import check_sha256, require_sound, write_card
    from ..provision.flash.choosing import Choice, choose
    from ..provision.flash.image_source import examine
    from ..provision.flash.unpacked import wanted_sha256
    from .flash_events import events

    with events(as_json, quiet) as said:
        host = this_host()
        found, wanted = examine(image), wanted_sha256(image, sha256)
        choice = Choice(to, allowed(rest), expect_serial, (image,), found.bytes)
        verdict = choose(choice, host)
        require_rights(host, verdict.drive)
        require_sound(found)
        confirm(verdict, f"{image} ({found.bytes / 1e9:.2f} GB), {found.said}", yes, expect_serial)
        if wanted:
            check_sha256(image, wanted, said.report)
        card = write_card(found, choice, verdict.drive, host, said.report)
    show_end(card, said, as_json)


def show_end(card: Card, said: Events, as_json: bool) -> None:
    """The last line of both commands."""
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
    click.echo(
        f"wrote {device}: {written.bytes / 1e9:.2f} GB at {rates[0]}, read back and equal at {rates[1]}, "
        f"sha256 {written.sha256}"
    )
    again = "" if card.partitions_known else "; to look at it here, take it out and put it in again"
    click.echo(f"the card may be taken out{again}")
    if card.prepared:
        click.echo(f"next: start the Raspberry Pi with it; if it does not answer: edgevision flash status {device}")
