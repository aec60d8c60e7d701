"""Which disk may become a card. Each rule is about a disk that somebody lost, or could have."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath

from .block_devices import Drive, Machine

SYSTEM = ("/", "/boot", "/usr", "/home", "/var", "/etc", "/opt", "/srv", "/nix")
LARGEST = 256 * 10**9
"""Bytes; a larger one is more likely a disk with somebody's data than a card."""


@dataclass(frozen=True, slots=True)
class Doubt:
    """A reason for a person to look twice, and to say so."""

    name: str
    text: str

    def __str__(self) -> str:
        return self.text

    @property
    def permit(self) -> str:
        """The option of ``flash write`` that overrides it."""
        return f"--allow-{self.name}"


FIXED = Doubt("fixed", "neither removable nor USB nor a card reader")
LARGE = Doubt("large", f"larger than {LARGEST // 10**9} GB")
NVME = Doubt("nvme", "NVMe, hardly a card")
LOOP = Doubt("loop", "a loop device, no disk")
MEMBER = Doubt("member", "holds a part of LVM, RAID or LUKS, though not in use now")
DOUBTS = (FIXED, LARGE, NVME, LOOP, MEMBER)


@dataclass(frozen=True, slots=True)
class DriveAssessment:
    """A disk, and why it is no place for an image."""

    drive: Drive
    never: tuple[str, ...]
    """Reasons that nothing overrides."""
    doubts: tuple[Doubt, ...]
    mounted: tuple[str, ...]
    """What has to be unmounted first."""

    @property
    def suitable(self) -> bool:
        """Whether nothing speaks against it."""
        return not self.never and not self.doubts


def judge_all(machine: Machine) -> list[DriveAssessment]:
    """Every disk with its reasons. Raises BadInput where the disks cannot be told."""
    drives = machine.drives()
    known = machine.root_is_known(drives)
    return [judge(drive, known) for drive in drives]


def judge(drive: Drive, root_known: bool) -> DriveAssessment:
    """``root_known``: whether it is known which disk the system runs from; live systems and containers hide it."""
    never = [*_system(drive, root_known), *_in_use(drive)]
    if drive.bytes == 0:
        never.append("no medium in it")
    if drive.read_only:
        never.append("read-only (a lock switch?)")
    return DriveAssessment(drive, tuple(never), tuple(_doubts(drive)), drive.mounts if not never else ())


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


def _doubts(drive: Drive) -> list[Doubt]:
    found = []
    if drive.kind == "loop":
        found.append(LOOP)
    elif drive.kind == "nvme":
        found.append(NVME)
    elif drive.kind == "other" and not drive.removable:
        found.append(FIXED)
    if drive.bytes > LARGEST:
        found.append(LARGE)
    return [*found, MEMBER] if drive.members else found


def _of_the_system(mount: str) -> bool:
    path = PurePosixPath(mount)
    return any(path == PurePosixPath(one) or (one != "/" and path.is_relative_to(one)) for one in SYSTEM)
