"""Check that the chosen drive may be overwritten, before it is opened and again afterwards."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edgevision.errors import BadInput, FlashRefused
from edgevision.log import Log

from .block_devices import Drive
from .medium import Host, Medium
from .safety_rules import Doubt, DriveAssessment, judge_all

log = Log("edgevision.flash")
IDENTITY = {
    "device": "name",
    "number": "device number",
    "bytes": "size in bytes",
    "model": "model",
    "serial": "serial number",
    "sequence": "count of media put in",
}
"""Fields of ``Drive`` that identify a drive -> name for messages."""


@dataclass(frozen=True, slots=True)
class TargetConfirmation:
    """What the user specified about the drive."""

    device: Path
    allowed: frozenset[str] = frozenset()
    """Names of the doubts that the user has allowed."""
    serial: str | None = None
    """Serial number that the drive must have."""
    files: tuple[Path, ...] = ()
    """Input files, which must not be on the drive, since they would be overwritten while being read."""
    bytes: int = 0
    """Size of the OS image; 0: not known yet."""


def choose(choice: TargetConfirmation, host: Host) -> DriveAssessment:
    """Return the drive if nothing prevents writing to it, except allowed doubts; it is not opened. Raises FlashRefused."""
    number = host.number(choice.device)
    try:
        verdicts = judge_all(host.machine)
        whole = host.machine.disk_of(number)
    except (BadInput, OSError) as error:
        raise FlashRefused(str(error)) from None
    found = next((one for one in verdicts if one.drive.device == whole), None)
    if found is None:
        raise FlashRefused(
            f"{choice.device} is not a drive that can be written; list suitable drives with: edgevision flash drives"
        )
    drive = found.drive
    if drive.number != number:
        raise FlashRefused(
            f"{choice.device} is a partition, but an OS image needs the whole drive: use --to {drive.device}"
        )
    for reason in (*found.never, *_holds(choice.files, drive, host), *_too_small(choice.bytes, drive)):
        raise FlashRefused(f"refusing to write {_named(drive)}: {reason}")
    if choice.serial is not None and choice.serial != drive.serial:
        has = f"serial number {drive.serial}" if drive.serial else "no serial number"
        raise FlashRefused(f"{_named(drive)} has {has}, but --expect-serial is {choice.serial}")
    for doubt in found.doubts:
        log.info("%s: %s%s", drive.device, doubt.text, " (allowed)" if doubt.name in choice.allowed else "")
    _refuse_doubts([doubt for doubt in found.doubts if doubt.name not in choice.allowed], drive)
    return found


def refuse_changed(before: Drive, after: Drive) -> None:
    """Check that the drive is still the confirmed one. Raises FlashRefused."""
    for what, word in IDENTITY.items():
        was, now = getattr(before, what), getattr(after, what)
        if was != now:
            raise FlashRefused(f"{before.device} is no longer the same drive: its {word} was {was} and is now {now}")


def refuse_other(drive: Drive, medium: Medium) -> None:
    """Check that the opened drive is the one described in /sys. Raises FlashRefused."""
    for what in ("number", "bytes", "sequence"):
        told, opened = getattr(drive, what), getattr(medium, what)
        if told != opened and None not in (told, opened):
            said = f"its {IDENTITY[what]} was {told} and is now {opened}"
            raise FlashRefused(f"{drive.device} is another drive after opening: {said}")


def _refuse_doubts(doubts: list[Doubt], drive: Drive) -> None:
    if doubts:
        said, permits = "; ".join(doubt.text for doubt in doubts), " ".join(doubt.permit for doubt in doubts)
        raise FlashRefused(
            f"{_named(drive)} does not look like an SD card: {said}; if it is the right drive, add {permits}"
        )


def _holds(files: tuple[Path, ...], drive: Drive, host: Host) -> list[str]:
    """Return the input files that are on the drive itself."""
    found = []
    for file in files:
        try:
            at = host.machine.mount_of(file)
        except BadInput as error:
            return [str(error)]
        behind_loop = drive.kind == "loop" and drive.serial == str(file.resolve())
        if at in drive.mounts or behind_loop:
            found.append(f"{file} is on this drive")
    return found


def _too_small(wanted: int, drive: Drive) -> list[str]:
    if wanted <= drive.bytes:
        return []
    return [f"it has {drive.bytes / 1e9:.2f} GB, but the OS image needs {wanted / 1e9:.2f} GB; use a larger SD card"]


def _named(drive: Drive) -> str:
    return f"{drive.device} ({drive.model or 'no model name'}, {drive.bytes / 1e9:.1f} GB)"
