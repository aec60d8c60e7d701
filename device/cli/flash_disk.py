"""What ``flash write`` and ``flash card`` share: the options for the drive, the permission check, the confirmation."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from edgevision.cli.options import DEVICE
from edgevision.cli.terminal import say
from edgevision.errors import Cancelled, FlashRefused
from edgevision.reporting.terminal import printable

from ..flash.disk.safety_rules import DOUBTS

if TYPE_CHECKING:
    from ..flash.disk.block_devices import Drive
    from ..flash.disk.medium import Host
    from ..flash.disk.safety_rules import DriveAssessment

F = TypeVar("F", bound=Callable[..., Any])


def disk_options(function: F) -> F:
    """Add --to, --yes, --expect-serial, --json and one --allow-... option for each kind of doubt."""
    for doubt in reversed(DOUBTS):
        function = click.option(
            doubt.permit,
            f"allow_{doubt.name}",
            is_flag=True,
            help=f"Accept the drive despite this doubt: {doubt.text}.",
        )(function)
    function = click.option(
        "--expect-serial",
        metavar="SERIAL",
        help="Require the drive to have this serial number (shown by flash drives).",
    )(function)
    function = click.option("--yes", is_flag=True, help="Do not ask for confirmation; requires --expect-serial.")(
        function
    )
    function = click.option(
        "--json",
        "as_json",
        is_flag=True,
        help="Print one line of JSON on stdout for each event; everything else goes to stderr.",
    )(function)
    return click.option(
        "--to", type=DEVICE, required=True, metavar="DEV", help="Whole drive to overwrite, such as /dev/sdb."
    )(function)


def allowed(options: dict[str, Any]) -> frozenset[str]:
    """Remove the --allow-... options from ``options`` and return the names of the doubts they allow."""
    return frozenset(doubt.name for doubt in DOUBTS if options.pop(f"allow_{doubt.name}"))


def this_host() -> Host:
    """Return the host that writes to drives. Raises FlashRefused on a system where that is not supported."""
    if sys.platform != "linux":
        raise FlashRefused(
            "edgevision can write SD cards on Linux only; write the image made by edgevision flash image with Raspberry Pi "
            "Imager instead (Use custom, without OS customization: the image has its settings already)"
        )
    from ..flash.disk.linux_host import LinuxHost

    return LinuxHost()


def require_rights(host: Host, drive: Drive) -> None:
    """Require write permission for the drive. Raises FlashRefused with the command to run instead."""
    if not host.may_write(Path(drive.device)):
        raise FlashRefused(f"only root may write to {drive.device}; run: {_as_root()}")


def confirm(verdict: DriveAssessment, what: str, yes: bool, serial: str | None) -> None:
    """Show the drive and make the user type its model or size.

    ``what`` describes the data to be written. Raises FlashRefused or Cancelled.
    """
    drive = verdict.drive
    _show(verdict, what)
    if yes and serial is None:
        raise FlashRefused(f"--yes requires --expect-serial SERIAL, to make sure it is this drive{_hint(drive)}")
    if yes:
        return
    if not sys.stdin.isatty():
        raise FlashRefused(f"no terminal to ask for confirmation; give --yes and --expect-serial SERIAL{_hint(drive)}")
    size = f"{drive.bytes / 1e9:.1f} GB"
    name = f"its model ({printable(drive.model)}) or its size ({size})" if drive.model else f"its size ({size})"
    say(f"Everything on {drive.device} will be lost. To go on, type {name}: ", err=True, nl=False)
    answer = sys.stdin.readline()
    if not answer.endswith("\n"):
        say(err=True)
    if _folded(answer) not in {_folded(text) for text in (drive.model, size, size.removesuffix(" GB")) if text}:
        raise Cancelled(f"not confirmed; nothing was written to {drive.device}")


def _as_root() -> str:
    # Absolute, because root has a different PATH.
    program = Path(sys.argv[0])
    known = [str(program.absolute())] if program.name == "edgevision" else [sys.executable, "-P", "-m", "edgevision"]
    return shlex.join(["sudo", *known, *sys.argv[1:]])


def _show(verdict: DriveAssessment, what: str) -> None:
    drive = verdict.drive
    rows = {
        "write": what,
        "to": f"{drive.device}, {drive.bytes / 1e9:.1f} GB ({drive.kind})",
        "model": drive.model or "unknown",
        "serial": drive.serial or "unknown",
        "holds": ", ".join(drive.labels) or "no labeled file system",
    }
    if drive.mounts:
        rows["mounted"] = f"{', '.join(drive.mounts)} (will be unmounted)"
    if verdict.doubts:
        rows["but"] = "; ".join(doubt.text for doubt in verdict.doubts)
    for name, text in rows.items():
        say(f"  {name:8} {printable(text)}", err=True)


def _hint(drive: Drive) -> str:
    return f" (it is {drive.serial})" if drive.serial else "; this drive has none, so run the command in a terminal"


def _folded(text: str) -> str:
    return "".join(text.casefold().split())
