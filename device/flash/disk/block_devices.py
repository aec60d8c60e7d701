"""The disks of this machine as the kernel tells of them: /sys/block, mounts, swap; nothing is opened or run."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from edgevision.errors import BadInput

SECTOR = 512
"""Of /sys/block/*/size, whatever the disk's own is."""
LEFT_OUT = re.compile(r"(ram|zram|dm-|md|sr|fd|nbd|mtdblock)\d+|mmcblk\d+(boot\d+|rpmb)")
"""In memory, made of other disks, no disks at all, or a chip's own areas."""
MEMBERS = ("crypto_LUKS", "LVM2_member", "linux_raid_member", "bcache", "drbd", "VMFS_volume_member")
"""File system types, as blkid names them, that are parts of something larger."""
_ESCAPE = re.compile(r"\\([0-7]{3})")


@dataclass(frozen=True, slots=True)
class Drive:
    """A whole disk."""

    device: str
    """/dev/sda"""
    bytes: int
    model: str
    serial: str | None
    kind: str
    """usb, mmc, nvme, loop or other."""
    removable: bool
    read_only: bool
    mounts: tuple[str, ...]
    """Of its partitions and of what is made of them."""
    swap: bool
    held_by: tuple[str, ...]
    """dm-0 (LVM, LUKS), md0 (RAID), btrfs ... : what is made of it and in use."""
    zfs: bool
    number: str
    """As in 8:16: what an open file tells of the disk it belongs to."""
    sequence: int | None
    """Grows with each disk and each medium put in (Linux 5.15); None: not told."""
    labels: tuple[str, ...]
    """Names of the file systems on it, where udev looked."""
    members: tuple[str, ...]
    """crypto_LUKS, LVM2_member ...: parts of something larger, perhaps not in use now."""


@dataclass(frozen=True, slots=True)
class Machine:
    """Where to look; tests give a root of their own."""

    root: Path = Path("/")

    def drives(self) -> list[Drive]:
        """All disks. Raises BadInput where they cannot be told: then none may be written."""
        folder = self.root / "sys/block"
        try:
            names = sorted(path.name for path in folder.iterdir() if not LEFT_OUT.fullmatch(path.name))
            mounts, swaps = self._mounts(), self._swaps()
            found = [self._drive(folder / name, mounts, swaps) for name in names]
        except (OSError, ValueError, IndexError) as error:
            raise BadInput(f"the disks of this machine cannot be told apart, so none is offered: {error}") from None
        return [drive for drive in found if drive.bytes or drive.kind != "loop"]

    def root_is_known(self, drives: list[Drive]) -> bool:
        """Whether one of them holds the running system."""
        return any("/" in drive.mounts for drive in drives)

    def mount_of(self, path: Path) -> str:
        """Where the file system that holds a path is mounted. Raises BadInput."""
        try:
            points = {at for _, _, at in self._mounts()}
        except (OSError, IndexError) as error:
            raise BadInput(f"it cannot be told which disk holds {path}: {error}") from None
        resolved = path.resolve()
        return next((str(one) for one in (resolved, *resolved.parents) if str(one) in points), "/")

    def disk_of(self, number: str) -> str | None:
        """The disk that a device number means: its own or that of one of its partitions; None: neither."""
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
        """LUKS on LVM on RAID ...: all that is built on these, each once."""
        found: dict[str, Path] = {}
        waiting = list(parts)
        while waiting:
            for one in _held(waiting.pop()):
                if one.name not in found:
                    found[one.name] = self.root / "sys/block" / one.name
                    waiting.append(found[one.name])
        return list(found.values())

    def _mounts(self) -> list[tuple[str, str, str]]:
        """Number of the device, its name, and where it is mounted (proc_pid_mountinfo(5))."""
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
        """Partitions of mounted file systems; the list of mounts names one of several alone."""
        return {path.name for path in (self.root / "sys/fs/btrfs").glob("*/devices/*")}

    def _udev(self, number: str) -> dict[str, str]:
        """What udev found on it: ZFS, for one, holds its disks without telling /sys."""
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
    """Of the disk or of the USB device that it is in; of a loop device, the file behind it."""
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
    r"""The kernel writes a blank as \040."""
    return _ESCAPE.sub(lambda match: chr(int(match[1], 8)), text)


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace").strip()


def _optional(path: Path) -> str | None:
    try:
        return " ".join(_text(path).split()) or None
    except OSError:
        return None
