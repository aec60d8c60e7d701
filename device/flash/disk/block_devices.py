"""List the drives of this machine from /sys/block, mounts and swap; nothing is opened or run."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from edgevision.errors import BadInput

SECTOR = 512
"""Unit of /sys/block/*/size in bytes, whatever the drive's own sector size."""
LEFT_OUT = re.compile(r"(ram|zram|dm-|md|sr|fd|nbd|mtdblock)\d+|mmcblk\d+(boot\d+|rpmb)")
"""Devices that are not drives: in memory, built on other devices, special areas of a chip, and others."""
MEMBERS = ("crypto_LUKS", "LVM2_member", "linux_raid_member", "bcache", "drbd", "VMFS_volume_member")
"""File system types (as in blkid) of members of a volume, an array or an encrypted container."""
_ESCAPE = re.compile(r"\\([0-7]{3})")


@dataclass(frozen=True, slots=True)
class Drive:
    """A whole drive (not a partition)."""

    device: str
    """Path of the device, such as /dev/sda."""
    bytes: int
    model: str
    serial: str | None
    kind: str
    """usb, mmc, nvme, loop or other."""
    removable: bool
    read_only: bool
    mounts: tuple[str, ...]
    """Mount points of its partitions and of devices built on them."""
    swap: bool
    held_by: tuple[str, ...]
    """Active devices built on it, such as dm-0 (LVM, LUKS), md0 (RAID), btrfs."""
    zfs: bool
    number: str
    """Device number, such as 8:16, by which an open file identifies its drive."""
    sequence: int | None
    """Sequence number, which increases with each drive and medium inserted (Linux 5.15); None: unknown."""
    labels: tuple[str, ...]
    """Labels of its file systems known to udev."""
    members: tuple[str, ...]
    """Types such as crypto_LUKS or LVM2_member that it contains, possibly inactive."""


@dataclass(frozen=True, slots=True)
class Machine:
    """The machine to inspect; tests use another root."""

    root: Path = Path("/")

    def drives(self) -> list[Drive]:
        """Return all drives. Raises BadInput if they cannot be identified, in which case none may be written."""
        folder = self.root / "sys/block"
        try:
            names = sorted(path.name for path in folder.iterdir() if not LEFT_OUT.fullmatch(path.name))
            mounts, swaps = self._mounts(), self._swaps()
            found = [self._drive(folder / name, mounts, swaps) for name in names]
        except (OSError, ValueError, IndexError) as error:
            raise BadInput(f"cannot identify the drives of this machine, so none can be used: {error}") from None
        return [drive for drive in found if drive.bytes or drive.kind != "loop"]

    def root_is_known(self, drives: list[Drive]) -> bool:
        """Return whether one of the drives holds the running system."""
        return any("/" in drive.mounts for drive in drives)

    def mount_of(self, path: Path) -> str:
        """Return the mount point of the file system that holds a path. Raises BadInput."""
        try:
            points = {at for _, _, at in self._mounts()}
        except (OSError, IndexError) as error:
            raise BadInput(f"cannot find the drive that holds {path}: {error}") from None
        resolved = path.resolve()
        return next((str(one) for one in (resolved, *resolved.parents) if str(one) in points), "/")

    def disk_of(self, number: str) -> str | None:
        """Return the drive with this device number, or with a partition of this number; None if there is none."""
        for folder in sorted((self.root / "sys/block").iterdir()):
            parts = (path for path in folder.iterdir() if (path / "partition").exists())
            if number in {_optional(part / "dev") for part in (folder, *parts)}:
                return f"/dev/{folder.name}"
        return None

    def _drive(self, folder: Path, mounts: list[tuple[str, str, str]], swaps: set[str]) -> Drive:
        parts = [folder, *sorted(path for path in folder.iterdir() if (path / "partition").exists())]
        parts += self._made_of(parts)
        numbers = {_text(part / "dev") for part in parts}
        names = {f"/dev/{part.name}" for part in parts}
        names |= {f"/dev/mapper/{_text(part / 'dm/name')}" for part in parts if (part / "dm/name").exists()}
        mounted = tuple(sorted({at for number, source, at in mounts if number in numbers or source in names}))
        held = {one.name for part in parts for one in _held(part)}
        if not mounted and {part.name for part in parts} & self._btrfs():
            held.add("btrfs")
        where = folder.resolve()
        known = [self._udev(number) for number in sorted(numbers)]
        return Drive(
            device=f"/dev/{folder.name}",
            bytes=int(_text(folder / "size")) * SECTOR,
            model=" ".join(filter(None, (_optional(folder / f"device/{one}") for one in ("vendor", "model", "name")))),
            serial=_serial(where),
            kind=_kind(folder.name, where),
            removable=_text(folder / "removable") == "1",
            read_only=_text(folder / "ro") == "1",
            mounts=mounted,
            swap=bool(names & swaps),
            held_by=tuple(sorted(held)),
            zfs=any(one.get("ID_FS_TYPE") == "zfs_member" for one in known),
            number=_text(folder / "dev"),
            sequence=int(_optional(folder / "diskseq") or 0) or None,
            labels=_values(known, "ID_FS_LABEL", lambda label: True),
            members=_values(known, "ID_FS_TYPE", MEMBERS.__contains__),
        )

    def _made_of(self, parts: list[Path]) -> list[Path]:
        """Return all devices built on these, such as LUKS on LVM on RAID, without duplicates."""
        found: dict[str, Path] = {}
        waiting = list(parts)
        while waiting:
            for one in _held(waiting.pop()):
                if one.name not in found:
                    found[one.name] = self.root / "sys/block" / one.name
                    waiting.append(found[one.name])
        return list(found.values())

    def _mounts(self) -> list[tuple[str, str, str]]:
        """Return device number, source and mount point of each mount (proc_pid_mountinfo(5))."""
        found = []
        for line in _text(self.root / "proc/self/mountinfo").splitlines():
            left, _, right = line.partition(" - ")
            fields = left.split()
            found.append((fields[2], _plain(right.split()[1]), _plain(fields[4])))
        return found

    def _swaps(self) -> set[str]:
        lines = _text(self.root / "proc/swaps").splitlines()[1:]
        return {_plain(line.split()[0]) for line in lines}

    def _btrfs(self) -> set[str]:
        """Return the devices of mounted btrfs file systems, of which the mount list names only one each."""
        return {path.name for path in (self.root / "sys/fs/btrfs").glob("*/devices/*")}

    def _udev(self, number: str) -> dict[str, str]:
        """Return udev's properties of a device; ZFS, for example, does not show in /sys that it uses a drive."""
        known = self.root / f"run/udev/data/b{number}"
        if not known.exists():
            return {}
        lines = known.read_text(encoding="utf-8", errors="replace").splitlines()
        return {key: value for key, _, value in (line[2:].partition("=") for line in lines if line.startswith("E:"))}


def _kind(name: str, where: Path) -> str:
    parts = where.parts
    if name.startswith("loop"):
        return "loop"
    if name.startswith("nvme") or "nvme" in parts:
        return "nvme"
    if name.startswith("mmcblk"):
        return "mmc"
    return "usb" if any(re.fullmatch(r"usb\d+", part) for part in parts) else "other"


def _serial(where: Path) -> str | None:
    """Return the serial number of the drive or its USB device; for a loop device, its backing file."""
    if where.name.startswith("loop"):
        return _optional(where / "loop/backing_file")
    for folder in (where / "device", where, *where.parents):
        found = _optional(folder / "serial")
        if found:
            return found
        if re.fullmatch(r"usb\d+|block|devices", folder.name) and folder.name != "block":
            break
    return None


def _values(known: list[dict[str, str]], key: str, wanted: Callable[[str], bool]) -> tuple[str, ...]:
    return tuple(sorted({one[key] for one in known if one.get(key) and wanted(one[key])}))


def _held(part: Path) -> list[Path]:
    holders = part / "holders"
    return sorted(holders.iterdir()) if holders.is_dir() else []


def _plain(text: str) -> str:
    r"""Decode the kernel's octal escapes, such as \040 for a blank."""
    return _ESCAPE.sub(lambda match: chr(int(match[1], 8)), text)


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace").strip()


def _optional(path: Path) -> str | None:
    try:
        return " ".join(_text(path).split()) or None
    except OSError:
        return None
