"""``edgevision flash config``: ask for a device's settings and write device.toml, or show such a file."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgevision.cli.options import PATH, overwrite_option
from edgevision.cli.terminal import say_lines

if TYPE_CHECKING:
    from ..flash.config.records import DeviceConfig

DEFAULT = Path("device.toml")


@click.command()
@click.option("-o", "--output", type=PATH, default=DEFAULT, show_default=True, help="File to write.")
@click.option(
    "--check", "checked", type=PATH, metavar="FILE", help="Check FILE and show its settings instead of asking."
)
@click.option("--example", is_flag=True, help="Print a template with every key instead of asking.")
@overwrite_option
def config(output: Path, checked: Path | None, example: bool, overwrite: bool) -> None:
    """Ask for the settings of one device and write them to device.toml, readable only by you.

    Covers host name, user, SSH keys, Wi-Fi, locale and camera. Passwords are not echoed, and only their hashes are stored.
    """
    if example:
        from ..flash.config.write import dumps

        say_lines(dumps(None))
    elif checked is not None:
        _show(checked)
    else:
        _ask(output, overwrite)


def _show(path: Path) -> None:
    from edgevision.cli.terminal import note

    from ..flash.config import read
    from ..flash.config.table import holds_secret

    found = read.read(path)
    _table(found)
    if holds_secret(found) and path.stat().st_mode & 0o077:
        note(f"other users of this machine can read the secrets in this file; run: chmod 600 {shlex.quote(str(path))}")


def _ask(output: Path, overwrite: bool) -> None:
    from edgevision.errors import Cancelled, EdgeVisionError
    from edgevision.files.atomic import require_absent, write_text

    from ..flash.config.host_defaults import Host
    from ..flash.config.write import dumps
    from .flash_prompts import confirm, say
    from .flash_wizard import interview

    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise EdgeVisionError(
            "no terminal to ask questions on; print a template to fill in: edgevision flash config --example > device.toml"
        )
    require_absent(output, overwrite)
    try:
        found = interview(Host())
        say()
        _table(found)
        if not confirm(f"Write {output}?", True):
            raise Cancelled("nothing was written")
    except (EOFError, KeyboardInterrupt):
        say()
        raise click.Abort from None
    write_text(output, dumps(found), private=True)
    path = shlex.quote(str(output))
    say(f"wrote {path}, readable only by you; edit it to set the camera, thresholds and more")
    say(f"next: edgevision flash image OS.img.xz --bundle BUNDLE.tar.xz --config {path} -o card.img")


def _table(found: DeviceConfig) -> None:
    from edgevision.cli.terminal import show
    from edgevision.reporting.terminal import table

    from ..flash.config.table import rows

    show(table(("", ""), rows(found)))
