"""``edgevision service``: run the loop as a systemd service."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from edgevision.cli.options import PATH, json_option, overwrite_option
from edgevision.cli.setting_options import option_of
from edgevision.cli.terminal import say, say_json, say_lines

from ..loop.options import CAMERA, SETTINGS


@click.group()
def service() -> None:
    """Run the loop as a systemd service: started at boot, supervised, and restarted when it fails."""


@service.command()
@click.argument("model", type=PATH, required=False)
@option_of(CAMERA, help="Camera, as in edgevision run.")
@click.option(
    "--config", type=PATH, metavar="FILE", help="Options of the loop, written by edgevision run --save-config."
)
@click.option("--user", metavar="NAME", help="Run as this user.  [default: a dynamic user made by systemd]")
@click.option(
    "--python", type=PATH, metavar="FILE", help="Python that edgevision is installed in.  [default: this one]"
)
@click.option(
    "--root",
    type=PATH,
    default=Path("/"),
    metavar="DIR",
    help="Install into another machine's root file system, for example a mounted SD card.",
)
@click.option("--dry-run", is_flag=True, help="Print the unit file without changing anything.")
@click.option("--no-start", is_flag=True, help="Install without starting.")
@option_of(SETTINGS["runs"], help="Folder to search for the newest convert-N/*.tflite.")
@overwrite_option
def install(dry_run: bool, no_start: bool, root: Path, **rest: Any) -> None:
    """Install and start the service: the unit file, /etc/edgevision/run.toml and a copy of MODEL beside it.

    Without MODEL, --camera and --config, an existing configuration is kept.
    """
    from ..service.install import ServiceOptions, enable, prepare
    from ..service.systemctl import Manager, require_root, require_systemd

    here = root == Path("/")
    if here and not dry_run:
        require_systemd()
        require_root("install")
    made = prepare(ServiceOptions(root=root, **rest))
    if dry_run:
        say_lines(made.unit)
        return
    for path in made.write():
        say(f"wrote {path}")
    if not here:
        say(f"wrote {enable(root)}: the service starts at boot")
        return
    if no_start:
        say("installed but not started; to start it: sudo systemctl enable --now edgevision")
        return
    Manager().start()
    say("started: the first frame was recognized; the service also starts at boot")
    say("next: edgevision service status")


@service.command()
@json_option
def status(as_json: bool) -> int:
    """Show the status of the service. Exit code 3: it is not running."""
    from ..service.status import NOT_ACTIVE
    from ..service.status import status as ask
    from ..service.systemctl import Manager, require_systemd

    require_systemd()
    found = ask(Manager())
    if as_json:
        say_json(found.to_json())
    else:
        say_lines("\n".join(found.describe()))
    return 0 if found.active else NOT_ACTIVE


@service.command()
@click.option(
    "--lines", type=click.IntRange(1, 100_000), default=50, show_default=True, help="Number of lines to show."
)
@click.option("--follow", "-f", is_flag=True, help="Keep showing new lines until Ctrl-C.")
def logs(lines: int, follow: bool) -> int:
    """Show the service's journal."""
    import subprocess

    from ..service.systemctl import require_systemd
    from ..service.unit import UNIT

    require_systemd()
    command = ["journalctl", "--no-pager", f"--unit={UNIT.name}", f"--lines={lines}", *(["--follow"] if follow else [])]
    return subprocess.run(command, check=False).returncode


@service.command()
@click.option("--root", type=PATH, default=Path("/"), metavar="DIR", help="Root file system of another machine.")
@click.option("--purge", is_flag=True, help="Also remove the configuration and the model; taught classes are kept.")
def uninstall(root: Path, purge: bool) -> None:
    """Stop the service and remove it."""
    from ..service.install import remove
    from ..service.systemctl import Manager, require_root, require_systemd
    from ..service.unit import STATE

    here = root == Path("/")
    if here:
        require_systemd()
        require_root("uninstall")
        Manager().stop()
    gone = remove(root, purge)
    if here:
        Manager().reload()
    for path in gone:
        say(f"removed {path}")
    say(f"taught classes and collected images are kept in {STATE}" if gone else "nothing was installed")
