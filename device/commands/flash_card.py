"""``edgevision flash card``: from the system's image, a bundle and the settings to a card, in one go."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edgevision.commands.options import PATH, quiet_option
from edgevision.errors import CannotWrite

from .flash_disk import allowed, confirm, disk_options, require_rights, this_host
from .flash_image import sha256_option, trust_option
from .flash_write import show_end

if TYPE_CHECKING:
    from .flash_events import Events

MB = 1 << 20
PHASES = {"unpacking": "unpack", "preparing": "inject"}
"""Of ``prepare.Progress``, those that are counted in MB -> events."""


@click.command()
@click.argument("system", type=PATH, metavar="OS.img[.xz]")
@click.option("--bundle", type=PATH, required=True, metavar="FILE", help="What edgevision bundle made.")
@click.option("--config", type=PATH, required=True, metavar="FILE", help="The device's settings, device.toml.")
@trust_option
@sha256_option
@disk_options
@quiet_option
def card(
    system: Path,
    bundle: Path,
    config: Path,
    to: Path,
    yes: bool,
    expect_serial: str | None,
    as_json: bool,
    quiet: bool,
    **rest: Any,
) -> None:
    """Prepare an image as flash image does, and write it as flash write does; the image is not kept.

    The disk is asked about first. The image takes its size (about 3 GB) in TMPDIR, or else in /var/tmp, until the card is written.
    """
    from ..provision.flash import device_file
    from ..provision.flash.card_writing import require_sound, write_card
    from ..provision.flash.choosing import Choice, choose
    from ..provision.flash.image_source import examine
    from ..provision.flash.prepare import PrepareWish, prepare
    from ..provision.flash.scratch import scratch_folder
    from .flash_events import events

    with events(as_json, quiet) as said:
        host = this_host()
        settings = device_file.read(config)
        given = (system, bundle, config, *rest["trust"])
        choice = Choice(to, allowed(rest), expect_serial, given)
        verdict = choose(choice, host)
        require_rights(host, verdict.drive)
        confirm(verdict, f"{system}, prepared for {settings.hostname} with {bundle}", yes, expect_serial)

        with scratch_folder() as folder:
            output = folder / "card.img"
            wish = PrepareWish(system, bundle, settings, output, **rest)
            with _with_remedy():
                prepare(wish, lambda text, total: _as_events(said, text, total))
            made = examine(output)
            require_sound(made)
            known = Choice(to, choice.allowed, expect_serial, (*given, output), made.bytes)
            written = write_card(made, known, verdict.drive, host, said.report)
    show_end(written, said, as_json)


@contextmanager
def _with_remedy() -> Iterator[None]:
    try:
        yield
    except CannotWrite as error:
        raise CannotWrite(f"{error}; TMPDIR names another folder for the image") from None


@contextmanager
def _as_events(said: Events, text: str, total: int) -> Iterator[Callable[[int], None]]:
    phase = PHASES.get(text)
    if phase is None:
        yield lambda done: None
        return
    yield lambda done: said.report(phase, done * MB, total * MB)
