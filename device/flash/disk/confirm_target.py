"""Whether the disk that was named may be overwritten: everything that is asked before, and asked again once it is open."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edgevision.errors import BadInput, FlashRefused

from .block_devices import Drive
from .medium import Host, Medium
from .safety_rules import Doubt, DriveAssessment, judge_all

IDENTITY = {
    "device": "name",
    "number": "device number",
    "bytes": "size in bytes",
    "model": "model",
    "serial": "serial number",
    "sequence": "count of media put in",
}
"""Fields of ``Drive`` by which a disk is known again."""


@dataclass(frozen=True, slots=True)
class TargetConfirmation:
    """What the user said about the disk."""

    device: Path
    allowed: frozenset[str] = frozenset()
    """Names of doubts (``Doubt.name``) that were looked at."""
    serial: str | None = None
    """That the disk must have."""
    files: tuple[Path, ...] = ()
    """That must not lie on it: they would be overwritten while they are read."""
    bytes: int = 0
    """That the image takes; 0: not known yet."""


def choose(choice: TargetConfirmation, host: Host) -> DriveAssessment:
    """The disk, where nothing speaks against it, or only what was allowed. Nothing is opened. Raises FlashRefused."""
    number = host.number(choice.device)
    try:
        verdicts = judge_all(host.machine)
        whole = host.machine.disk_of(number)
    except (BadInput, OSError) as error:
        raise FlashRefused(str(error)) from None
    found = next((one for one in verdicts if one.drive.device == whole), None)
    if found is None:
        raise FlashRefused(
            f"{choice.device} is no disk that could be a card; edgevision flash drives lists those that could"
        )
    drive = found.drive
    if drive.number != number:
        raise FlashRefused(
            f"{choice.device} is a partition, and an image takes the whole disk: give --to {drive.device}"
        )
    for reason in (*found.never, *_holds(choice.files, drive, host), *_too_small(choice.bytes, drive)):
        raise FlashRefused(f"{_named(drive)} is not written: {reason}")
    if choice.serial is not None and choice.serial != drive.serial:
        has = f"the serial number {drive.serial}" if drive.serial else "no serial number"
        raise FlashRefused(f"{_named(drive)} has {has}, and --expect-serial says {choice.serial}")
    _refuse_doubts([doubt for doubt in found.doubts if doubt.name not in choice.allowed], drive)
    return found


def refuse_changed(before: Drive, after: Drive) -> None:
    """Whether it is the disk that was confirmed. Raises FlashRefused."""
    for what, word in IDENTITY.items():
        was, now = getattr(before, what), getattr(after, what)
        if was != now:
            raise FlashRefused(f"{before.device} is another disk than a moment ago: its {word} was {was} and is {now}")


def refuse_other(drive: Drive, medium: Medium) -> None:
    """Whether the disk that was opened is the one that /sys tells of. Raises FlashRefused."""
    for what in ("number", "bytes", "sequence"):
        told, opened = getattr(drive, what), getattr(medium, what)
        if told != opened and None not in (told, opened):
            said = f"its {IDENTITY[what]} was {told} and is {opened}"
            raise FlashRefused(f"{drive.device} is another disk once opened: {said}")


def _refuse_doubts(doubts: list[Doubt], drive: Drive) -> None:
    if doubts:
        said, permits = "; ".join(doubt.text for doubt in doubts), " ".join(doubt.permit for doubt in doubts)
        raise FlashRefused(
            f"{_named(drive)} is hardly a card: {said}; where it is the right disk all the same, add {permits}"
        )


def _holds(files: tuple[Path, ...], drive: Drive, host: Host) -> list[str]:
    """What of the input lies on the disk itself."""
    found = []
    for file in files:
        try:
            at = host.machine.mount_of(file)
        except BadInput as error:
            return [str(error)]
        behind_loop = drive.kind == "loop" and drive.serial == str(file.resolve())
        if at in drive.mounts or behind_loop:
            found.append(f"{file} lies on it")
    return found


def _too_small(wanted: int, drive: Drive) -> list[str]:
    if wanted <= drive.bytes:
        return []
    return [f"it has {drive.bytes / 1e9:.2f} GB, and the image takes {wanted / 1e9:.2f} GB; take a larger card"]


def _named(drive: Drive) -> str:
    return f"{drive.device} ({drive.model or 'no model name'}, {drive.bytes / 1e9:.1f} GB)"
