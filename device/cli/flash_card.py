"""``edgevision flash card``: prepare an OS image and write it to an SD card in one step."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edgevision.cli.options import PATH, quiet_option
from edgevision.errors import CannotWrite

from .flash_disk import allowed, confirm, disk_options, require_rights, this_host
from .flash_image import sha256_option, trust_option
from .flash_write import show_end

if TYPE_CHECKING:
    from .flash_events import Events

MB = 1 << 20
PHASES = {"unpacking": "unpack", "preparing": "inject"}
"""Steps of the preparation that are counted in MB, and the phase each is reported as."""


@click.command()
@click.argument("system", type=PATH, metavar="OS.img[.xz]")
@click.option("--bundle", type=PATH, required=True, metavar="FILE", help="Bundle made by edgevision bundle.")
@click.option("--config", type=PATH, required=True, metavar="FILE", help="Settings of the device (device.toml).")
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
    """Prepare an OS image as flash image does, and write it to a drive as flash write does. The image is not kept.

    Asks about the drive first. The image (about 3 GB) is kept in TMPDIR, or else in /var/tmp, until the SD card is written.
    """
    from ..flash.config import read
    from ..flash.disk.confirm_target import TargetConfirmation, choose
    from ..flash.disk.image_source import examine
    from ..flash.disk.scratch import scratch_folder
    from ..flash.disk.write_card import require_sound, write_card
    from ..flash.image.prepare import PrepareWish, prepare
    from .flash_events import events

    with events(as_json, quiet) as said:
        host = this_host()
        settings = read.read(config)
        given = (system, bundle, config, *rest["trust"])
        choice = TargetConfirmation(to, allowed(rest), expect_serial, given)
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
            known = TargetConfirmation(to, choice.allowed, expect_serial, (*given, output), made.bytes)
            written = write_card(made, known, verdict.drive, host, said.report)
    show_end(written, said, as_json)


@contextmanager
def _with_remedy() -> Iterator[None]:
    try:
        yield
    except CannotWrite as error:
        raise CannotWrite(f"{error}; set TMPDIR to put the image into another folder") from None


@contextmanager
def _as_events(said: Events, text: str, total: int) -> Iterator[Callable[[int], None]]:
    phase = PHASES.get(text)
    if phase is None:
        yield lambda done: None
        return
    yield lambda done: said.report(phase, done * MB, total * MB)
