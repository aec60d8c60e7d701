"""What ``flash write`` and ``flash card`` ask about the disk: its options, the rights, and the user's word."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from edgevision.commands.options import DEVICE
from edgevision.errors import Cancelled, FlashRefused
from edgevision.terminal import printable

from ..provision.flash.drive_rules import DOUBTS

if TYPE_CHECKING:
    from ..provision.flash.block_devices import Drive
    from ..provision.flash.drive_rules import Verdict
    from ..provision.flash.medium import Host

F = TypeVar("F", bound=Callable[..., Any])


def disk_options(function: F) -> F:
    """--to, --yes, --expect-serial, and an --allow-... for each doubt."""
    for doubt in reversed(DOUBTS):
        function = click.option(
            doubt.permit, f"allow_{doubt.name}", is_flag=True, help=f"Also a disk that is doubtful: {doubt.text}."
        )(function)
    function = click.option(
        "--expect-serial", metavar="SERIAL", help="Only the disk with this serial number (flash drives shows it)."
    )(function)
    function = click.option("--yes", is_flag=True, help="Do not ask; takes --expect-serial.")(function)
    function = click.option(
        "--json", "as_json", is_flag=True, help="A line of JSON on stdout for each event; all else goes to stderr."
    )(function)
    return click.option(
        "--to", type=DEVICE, required=True, metavar="DEV", help="The whole disk to overwrite, like /dev/sdb."
    )(function)


def allowed(options: dict[str, Any]) -> frozenset[str]:
    """Takes the --allow-... out of a command's options; the names of the doubts that they allow."""
    return frozenset(doubt.name for doubt in DOUBTS if options.pop(f"allow_{doubt.name}"))


def this_host() -> Host:
    """Raises FlashRefused where cards cannot be written."""
    if sys.platform != "linux":
        raise FlashRefused(
            "cards are written on Linux alone; here, write the image that edgevision flash image made with Raspberry Pi "
            "Imager: Use custom, and no customisation, which the image has already"
        )
    from ..provision.flash.linux_host import LinuxHost

    return LinuxHost()


def require_rights(host: Host, drive: Drive) -> None:
    """Raises FlashRefused with what to type."""
    if not host.may_write(Path(drive.device)):
        raise FlashRefused(f"only root may write to {drive.device}; type: {_as_root()}")


def confirm(verdict: Verdict, what: str, yes: bool, serial: str | None) -> None:
    """Shows the disk, and has its model or size typed. ``what``: is written to it. Raises FlashRefused, Cancelled."""
    drive = verdict.drive
    _show(verdict, what)
    if yes and serial is None:
        raise FlashRefused(f"--yes takes --expect-serial, so that it is surely this disk{_hint(drive)}")
    if yes:
        return
    if not sys.stdin.isatty():
        raise FlashRefused(f"there is no terminal to ask at; give --yes and --expect-serial SERIAL{_hint(drive)}")
    size = f"{drive.bytes / 1e9:.1f} GB"
    name = f"its model ({printable(drive.model)}) or its size ({size})" if drive.model else f"its size ({size})"
    click.echo(f"Everything on {drive.device} will be lost. To go on, type {name}: ", err=True, nl=False)
    answer = sys.stdin.readline()
    if not answer.endswith("\n"):
        click.echo(err=True)
    if _folded(answer) not in {_folded(text) for text in (drive.model, size, size.removesuffix(" GB")) if text}:
        raise Cancelled(f"not confirmed; nothing was written to {drive.device}")


def _as_root() -> str:
    # With its path: root has another PATH.
    program = Path(sys.argv[0])
    known = [str(program.absolute())] if program.name == "edgevision" else [sys.executable, "-m", "edgevision"]
    return shlex.join(["sudo", *known, *sys.argv[1:]])


def _show(verdict: Verdict, what: str) -> None:
    drive = verdict.drive
    rows = {
        "write": what,
        "to": f"{drive.device}, {drive.bytes / 1e9:.1f} GB ({drive.kind})",
        "model": drive.model or "not told",
        "serial": drive.serial or "not told",
        "holds": ", ".join(drive.labels) or "no file system with a name",
    }
    if drive.mounts:
        rows["mounted"] = f"{', '.join(drive.mounts)} (will be unmounted)"
    if verdict.doubts:
        rows["but"] = "; ".join(doubt.text for doubt in verdict.doubts)
    for name, text in rows.items():
        click.echo(f"  {name:8} {printable(text)}", err=True)


def _hint(drive: Drive) -> str:
    return (
        f" (this one has {drive.serial})" if drive.serial else "; this disk has none, so type the command at a terminal"
    )


def _folded(text: str) -> str:
    return "".join(text.casefold().split())
