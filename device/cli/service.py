"""``edgevision service``: run the loop as a systemd service."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from edgevision.cli.options import PATH, json_option, overwrite_option
from edgevision.cli.setting_options import option_of
from edgevision.cli.terminal import say, say_json, say_lines

from ..loop.options import CAMERA, SETTINGS

name_option = click.option(
    "--name", metavar="NAME", help="Loop of this name, where a machine has several; letters, digits and dashes."
)


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
@name_option
@overwrite_option
def install(dry_run: bool, no_start: bool, root: Path, **rest: Any) -> None:
    """Install and start the service: the unit file, /etc/edgevision/run.toml and a copy of MODEL beside it.

    Without MODEL, --camera and --config, an existing configuration is kept. With --name door, the service is edgevision@door,
    its files are in /etc/edgevision/loops/door, and it runs beside the others.
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
        say(f"wrote {enable(root, made.places)}: the service starts at boot")
        return
    if no_start:
        say(f"installed but not started; to start it: sudo systemctl enable --now {made.places.loop.service}")
        return
    Manager(loop=made.places.loop).start()
    say("started: the first frame was recognized; the service also starts at boot")
    say(f"next: edgevision service status{made.places.loop.option}")


@service.command()
@name_option
@json_option
def status(name: str | None, as_json: bool) -> int:
    """Show the status of the service, or of all where there are several. Exit code 3: one is not running."""
    from ..service.loops import installed_loops
    from ..service.places import places_of
    from ..service.status import NOT_ACTIVE, describe_all
    from ..service.status import status as ask
    from ..service.systemctl import Manager, require_systemd

    loop = places_of(name).loop
    require_systemd()
    first = ask(Manager(loop=loop))
    others = [ask(Manager(loop=one)) for one in installed_loops(Path("/")) if name is None and one.name is not None]
    if as_json:
        say_json(first.to_json(others))
    elif others:
        say_lines("\n".join(describe_all([*([first] if first.installed else []), *others])))
    else:
        say_lines("\n".join(first.describe()))
    installed = [one for one in (first, *others) if one.installed]
    return 0 if installed and all(one.active for one in installed) else NOT_ACTIVE


@service.command()
@click.option(
    "--lines", type=click.IntRange(1, 100_000), default=50, show_default=True, help="Number of lines to show."
)
@click.option("--follow", "-f", is_flag=True, help="Keep showing new lines until Ctrl-C.")
@name_option
def logs(lines: int, follow: bool, name: str | None) -> int:
    """Show the service's journal, or that of all loops where there are several."""
    import subprocess

    from ..service.loops import installed_loops
    from ..service.places import places_of
    from ..service.systemctl import require_systemd

    wanted = [places_of(name).loop]
    require_systemd()
    wanted += [one for one in installed_loops(Path("/")) if name is None and one.name is not None]
    units = [f"--unit={one.unit}" for one in wanted]
    command = ["journalctl", "--no-pager", *units, f"--lines={lines}", *(["--follow"] if follow else [])]
    return subprocess.run(command, check=False).returncode


@service.command()
@click.option("--root", type=PATH, default=Path("/"), metavar="DIR", help="Root file system of another machine.")
@click.option("--purge", is_flag=True, help="Also remove the configuration and the model; taught classes are kept.")
@name_option
def uninstall(root: Path, purge: bool, name: str | None) -> None:
    """Stop the service and remove it."""
    from ..service.install import remove
    from ..service.places import places_of
    from ..service.systemctl import Manager, require_root, require_systemd

    places, here = places_of(name), root == Path("/")
    manager = Manager(loop=places.loop)
    if here:
        require_systemd()
        require_root("uninstall")
        manager.stop()
    gone = remove(root, purge, places)
    if here:
        manager.reload()
    for path in gone:
        say(f"removed {path}")
    say(f"taught classes and collected images are kept in {places.state}" if gone else "nothing was installed")
