"""Which disk may become a card. Each rule is about a disk that somebody lost, or could have."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath

from .block_devices import Drive, Machine

SYSTEM = ("/", "/boot", "/usr", "/home", "/var", "/etc", "/opt", "/srv", "/nix")
LARGEST = 256 * 10**9
"""Bytes; a larger one is more likely a disk with somebody's data than a card."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """A disk, and why it is no place for an image."""

    drive: Drive
    never: tuple[str, ...]
    """Reasons that nothing overrides."""
    doubts: tuple[str, ...]
    """Reasons for a person to look twice."""
    mounted: tuple[str, ...]
    """What has to be unmounted first."""

    @property
    def suitable(self) -> bool:
        """Whether nothing speaks against it."""
        return not self.never and not self.doubts


def judge_all(machine: Machine) -> list[Verdict]:
    """Every disk with its reasons. Raises BadInput where the disks cannot be told."""
    drives = machine.drives()
    known = machine.root_is_known(drives)
    return [judge(drive, known) for drive in drives]


def judge(drive: Drive, root_known: bool) -> Verdict:
    """``root_known``: whether it is known which disk the system runs from; live systems and containers hide it."""
    never = [*_system(drive, root_known), *_in_use(drive)]
    if drive.bytes == 0:
        never.append("no medium in it")
    if drive.read_only:
        never.append("read-only (a lock switch?)")
    return Verdict(drive, tuple(never), tuple(_doubts(drive)), drive.mounts if not never else ())


def _system(drive: Drive, root_known: bool) -> list[str]:
    at = [mount for mount in drive.mounts if _of_the_system(mount)]
    found = [f"this system runs from it ({', '.join(at)})"] if at else []
    if drive.swap:
        found.append("this system swaps to it")
    if not root_known:
        found.append("the disk that this system runs from is not known (a live system or a container?)")
    return found


def _in_use(drive: Drive) -> list[str]:
    found = (
        [f"in use by {', '.join(drive.held_by)} (LVM, RAID, LUKS or a file system of several disks)"]
        if drive.held_by
        else []
    )
    return [*found, "part of a ZFS pool"] if drive.zfs else found


def _doubts(drive: Drive) -> list[str]:
    found = []
    if drive.kind == "loop":
        found.append("a loop device, no disk")
    elif drive.kind == "nvme":
        found.append("NVMe, hardly a card")
    elif drive.kind == "other" and not drive.removable:
        found.append("neither removable nor USB nor a card reader")
    if drive.bytes > LARGEST:
        found.append(f"larger than {LARGEST // 10**9} GB")
    return found


def _of_the_system(mount: str) -> bool:
    path = PurePosixPath(mount)
    return any(path == PurePosixPath(one) or (one != "/" and path.is_relative_to(one)) for one in SYSTEM)
