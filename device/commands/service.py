"""``edgevision service``: the loop as a service of systemd, started with the machine and whenever it fails."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from edgevision.commands.options import PATH, json_option, overwrite_option


@click.group()
def service() -> None:
    """Run the loop as a service: started with the machine, watched, and started again when it fails."""


@service.command()
@click.argument("model", type=PATH, required=False)
@click.option("--camera", metavar="SPEC", help="As for edgevision run.  [default: 0]")
@click.option(
    "--config", type=PATH, metavar="FILE", help="Options of the loop, as edgevision run --save-config writes."
)
@click.option("--user", metavar="NAME", help="Run as this user.  [default: one that systemd makes for the service]")
@click.option(
    "--python", type=PATH, metavar="FILE", help="The Python that edgevision is installed in.  [default: this]"
)
@click.option(
    "--root",
    type=PATH,
    default=Path("/"),
    metavar="DIR",
    help="Install into the root of another machine, an SD card's.",
)
@click.option("--dry-run", is_flag=True, help="Print the unit and change nothing.")
@click.option("--no-start", is_flag=True, help="Install, and do not start it now.")
@click.option("--runs", type=PATH, default=Path("runs"), help="Where the newest convert-N/*.tflite is looked for.")
@overwrite_option
def install(dry_run: bool, no_start: bool, root: Path, **rest: Any) -> None:
    """Install the service: the unit, /etc/edgevision/run.toml and a copy of MODEL beside it; then start it.

    Without MODEL, --camera and --config an installed configuration stays as it is.
    """
    from ..systemd.install import Wish, enable, prepare
    from ..systemd.manager import Manager, require_root, require_systemd

    here = root == Path("/")
    if here and not dry_run:
        require_systemd()
        require_root("install")
    made = prepare(Wish(root=root, **rest))
    if dry_run:
        click.echo(made.unit, nl=False)
        return
    for path in made.write():
        click.echo(f"wrote {path}")
    if not here:
        click.echo(f"wrote {enable(root)}: it starts with the machine")
        return
    if no_start:
        click.echo("installed, not started; start it: sudo systemctl enable --now edgevision")
        return
    Manager().start()
    click.echo("started: the first frame was recognised, and it will start with the machine")
    click.echo("next: edgevision service status")


@service.command()
@json_option
def status(as_json: bool) -> int:
    """Show how the service fares; exit status 3 where it does not run."""
    from ..systemd.manager import Manager, require_systemd
    from ..systemd.status import NOT_ACTIVE
    from ..systemd.status import status as ask

    require_systemd()
    found = ask(Manager())
    if as_json:
        from edgevision.runs import dump

        click.echo(dump(found.to_json()))
    else:
        click.echo("\n".join(found.describe()))
    return 0 if found.active else NOT_ACTIVE


@service.command()
@click.option("--lines", type=click.IntRange(1, 100_000), default=50, show_default=True, help="The last so many.")
@click.option("--follow", "-f", is_flag=True, help="Go on, until Ctrl-C.")
def logs(lines: int, follow: bool) -> int:
    """Show what the service wrote to the journal."""
    import subprocess

    from ..systemd.manager import require_systemd
    from ..systemd.unit import UNIT

    require_systemd()
    command = ["journalctl", "--no-pager", f"--unit={UNIT.name}", f"--lines={lines}", *(["--follow"] if follow else [])]
    return subprocess.run(command, check=False).returncode


@service.command()
@click.option("--root", type=PATH, default=Path("/"), metavar="DIR", help="Of another machine.")
@click.option("--purge", is_flag=True, help="Remove the configuration and the model, too. What was taught stays.")
def uninstall(root: Path, purge: bool) -> None:
    """Stop the service and remove it."""
    from ..systemd.install import remove
    from ..systemd.manager import Manager, require_root, require_systemd
    from ..systemd.unit import STATE

    here = root == Path("/")
    if here:
        require_systemd()
        require_root("uninstall")
        Manager().stop()
    gone = remove(root, purge)
    if here:
        Manager().reload()
    for path in gone:
        click.echo(f"removed {path}")
    click.echo(f"what was taught and collected stays in {STATE}" if gone else "nothing was installed")
