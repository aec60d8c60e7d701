"""Identify an OS image by its content; its name and date prove nothing."""

from __future__ import annotations

import re
import shlex
import struct
from dataclasses import dataclass
from typing import BinaryIO

from edgevision.errors import BadInput, MissingFile

from ..filesystems.ext4 import Ext4
from ..filesystems.fat32 import Fat32
from ..filesystems.partitions import Partition, Partitions, read_partitions

PYTHONS = {"bookworm": "3.11", "trixie": "3.13"}
"""Code name of a supported OS -> its Python version."""
MACHINES = {(1, 40): "armv7l", (2, 183): "aarch64", (2, 62): "x86_64"}
"""Class and machine of an ELF file -> architecture as in ``uname -m``."""
SEEDS = ("user-data", "meta-data")
OWN = "edgevision/image.json"
OTHERS = ("custom.toml", "firstrun.sh", "userconf.txt", "userconf", "rpi-preseed.toml")
"""Files of other setup programs on the boot partition, which would conflict with ours."""
MAX_CMDLINE = 1 << 16
FRESH = ("", "uninitialized")
"""Content of machine-id before the first boot."""
UNTOUCHED = "use a freshly downloaded OS image"


@dataclass(frozen=True, slots=True)
class SystemImage:
    """A Raspberry Pi OS image that has never been booted."""

    backend: str
    """bookworm or trixie: how it is set up at its first boot."""
    os_name: str
    """PRETTY_NAME of its os-release."""
    python: str
    """Python version, such as 3.11."""
    arch: str
    """Architecture of its programs, as in ``uname -m``."""
    cmdline: str
    """Line of cmdline.txt."""
    disk_id: str
    boot_at: int
    """Start of the boot partition in bytes."""
    boot_free_bytes: int


def examine(stream: BinaryIO) -> SystemImage:
    """Identify an unpacked OS image or an SD card. Raises BadInput if it is not an unchanged Raspberry Pi OS."""
    parts = read_partitions(stream)
    fat = Fat32(stream, parts.boot.start)
    _check_fits("boot", fat.total, parts.boot)
    cmdline = _cmdline(fat)
    _refuse_set_up(fat, cmdline)
    if parts.root is None:
        raise BadInput("not a Raspberry Pi OS image: no second partition with a Linux file system")
    root = Ext4(stream, parts.root.start)
    _check_fits("root", root.total, parts.root)
    codename, os_name = _release(root)
    if _text(root, "etc/machine-id") not in FRESH:
        raise BadInput(f"the OS has been booted before (it has a machine-id); {UNTOUCHED}")
    backend = _backend(fat, cmdline.split())
    if backend != codename:
        raise BadInput(f"{os_name} with the first-boot setup of {backend} is not supported; {UNTOUCHED}")
    _check_root(cmdline, parts)
    python = _python(root)
    arch = _machine(root, python)
    return SystemImage(backend, os_name, python, arch, cmdline, parts.disk_id, parts.boot.start, fat.free)


def root_fault(cmdline: str, disk_id: str) -> str | None:
    """Return why the root partition in cmdline.txt is wrong; None if it is on this disk or not given as PARTUUID."""
    named = re.search(r"(?:^|\s)root=PARTUUID=(\S+)", cmdline)
    if named is None or named[1].lower() == f"{disk_id}-02":
        return None
    return f"it would not boot: cmdline.txt names root partition {named[1]}, but this disk has {disk_id}-02"


def _check_fits(name: str, size: int, partition: Partition) -> None:
    if size > partition.size:
        raise BadInput(
            f"the {name} partition is damaged: its file system has {size / 1e6:.1f} MB, but the partition only "
            f"{partition.size / 1e6:.1f} MB; {UNTOUCHED}"
        )


def _cmdline(fat: Fat32) -> str:
    try:
        raw = fat.read("cmdline.txt", MAX_CMDLINE)
    except MissingFile:
        raise BadInput("not a Raspberry Pi OS image: no cmdline.txt on the boot partition") from None
    lines = raw.decode("utf-8", "replace").strip().splitlines()
    if len(lines) != 1 or not lines[0].isprintable():
        raise BadInput(f"cmdline.txt must have one line of printable text, got {len(lines)} lines; {UNTOUCHED}")
    return lines[0]


def _refuse_set_up(fat: Fat32, cmdline: str) -> None:
    """Reject an OS image that another program has set up, since the two would conflict. Raises BadInput."""
    names = set(fat.names())
    if "edgevision" in names and OWN.partition("/")[2] in fat.names("edgevision"):
        raise BadInput(f"the OS image was already prepared with edgevision; {UNTOUCHED}")
    found = sorted(names & set(OTHERS)) or [one for one in cmdline.split() if one.startswith("systemd.run=")]
    if found:
        raise BadInput(f"another program has already set up the OS image ({found[0]}); {UNTOUCHED}")


def _release(root: Ext4) -> tuple[str, str]:
    """Return the code name and the full name of the OS. Raises BadInput."""
    fields = _fields(_text(root, "etc/os-release"))
    name = fields.get("PRETTY_NAME", "an unnamed system")
    if fields.get("ID") not in ("debian", "raspbian") or not _text(root, "etc/rpi-issue"):
        raise BadInput(f"not a Raspberry Pi OS image: it contains {name!r:.80}")
    codename = fields.get("VERSION_CODENAME", "?")
    if codename not in PYTHONS:
        known = " or ".join(one.capitalize() for one in PYTHONS)
        raise BadInput(f"Raspberry Pi OS {codename!r:.40} is not supported; use {known}")
    return codename, name


def _backend(fat: Fat32, words: list[str]) -> str:
    if any(word.startswith("init=") and word.endswith("/firstboot") for word in words):
        return "bookworm"
    if "resize" not in words:
        raise BadInput(
            f"the OS has been booted before, or changed: cmdline.txt does not start its first-boot setup; {UNTOUCHED}"
        )
    missing = [name for name in SEEDS if name not in fat.names()]
    if missing:
        raise BadInput(
            f"{' and '.join(missing)} not found on the boot partition, as in the release of October 2025, so the OS cannot "
            "be set up without a screen; use a newer release, or Bookworm"
        )
    return "trixie"


def _check_root(cmdline: str, parts: Partitions) -> None:
    fault = root_fault(cmdline, parts.disk_id)
    if fault:
        raise BadInput(f"{fault}; {UNTOUCHED}")


def _python(root: Ext4) -> str:
    """Return the Python version from the name that python3 links to. Raises BadInput."""
    try:
        target = root.target("usr/bin/python3")
    except MissingFile:
        raise BadInput(
            "the OS has no Python 3, which the installer needs; use Raspberry Pi OS or Raspberry Pi OS Lite"
        ) from None
    found = re.search(r"python(3\.\d+)$", target)
    if found is None:
        raise BadInput(f"cannot tell the OS's Python version: python3 is {target!r:.80}; {UNTOUCHED}")
    return found[1]


def _machine(root: Ext4, python: str) -> str:
    """Return the architecture of its Python, which the libraries must match. Raises BadInput."""
    head = root.read(f"usr/bin/python{python}", 20)
    if len(head) < 20 or head[:4] != b"\x7fELF":
        raise BadInput(f"the OS's Python is not an ELF program; {UNTOUCHED}")
    kind = (head[4], struct.unpack_from("<H", head, 18)[0])
    if kind not in MACHINES:
        raise BadInput(f"the OS's Python is for an unsupported processor (ELF machine {kind[1]})")
    return MACHINES[kind]


def _text(root: Ext4, path: str) -> str:
    """Return the text of a small file; empty if it does not exist."""
    try:
        return root.read(path, 1 << 16).decode("utf-8", "replace").strip()
    except MissingFile:
        return ""


def _fields(text: str) -> dict[str, str]:
    """Parse os-release(5), which consists of shell assignments, without running anything."""
    found = {}
    for line in text.splitlines():
        name, equals, value = line.partition("=")
        if equals and not line.startswith("#"):
            try:
                found[name.strip()] = "".join(shlex.split(value))
            except ValueError:
                continue
    return found
