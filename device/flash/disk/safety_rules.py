"""Rules for which drives may be overwritten, each to prevent a possible loss of data."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath

from .block_devices import Drive, Machine

SYSTEM = ("/", "/boot", "/usr", "/home", "/var", "/etc", "/opt", "/srv", "/nix")
LARGEST = 256 * 10**9
"""Size in bytes above which a drive is more likely a data drive than an SD card."""


@dataclass(frozen=True, slots=True)
class Doubt:
    """A reason not to write to a drive that the user can override."""

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
NVME = Doubt("nvme", "an NVMe drive")
LOOP = Doubt("loop", "a loop device, not a drive")
MEMBER = Doubt("member", "contains a part of LVM, RAID or LUKS, currently not in use")
DOUBTS = (FIXED, LARGE, NVME, LOOP, MEMBER)


@dataclass(frozen=True, slots=True)
class DriveAssessment:
    """A drive, and the reasons against writing to it."""

    drive: Drive
    never: tuple[str, ...]
    """Reasons that cannot be overridden."""
    doubts: tuple[Doubt, ...]
    mounted: tuple[str, ...]
    """Mount points to unmount first."""

    @property
    def suitable(self) -> bool:
        """Whether there is no reason against writing to it."""
        return not self.never and not self.doubts


def judge_all(machine: Machine) -> list[DriveAssessment]:
    """Assess every drive. Raises BadInput if the drives cannot be identified."""
    drives = machine.drives()
    known = machine.root_is_known(drives)
    return [judge(drive, known) for drive in drives]


def judge(drive: Drive, root_known: bool) -> DriveAssessment:
    """Assess a drive; ``root_known``: whether the system drive is known, which live systems and containers hide."""
    never = [*_system(drive, root_known), *_in_use(drive)]
    if drive.bytes == 0:
        never.append("no medium inserted")
    if drive.read_only:
        never.append("read-only (lock switch?)")
    return DriveAssessment(drive, tuple(never), tuple(_doubts(drive)), drive.mounts if not never else ())


def _system(drive: Drive, root_known: bool) -> list[str]:
    at = [mount for mount in drive.mounts if _of_the_system(mount)]
    found = [f"this system runs from it ({', '.join(at)})"] if at else []
    if drive.swap:
        found.append("this system uses it for swap")
    if not root_known:
        found.append("cannot tell which drive this system runs from (a live system or a container?)")
    return found


def _in_use(drive: Drive) -> list[str]:
    found = (
        [f"in use by {', '.join(drive.held_by)} (LVM, RAID, LUKS or a multi-device file system)"]
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
