"""What an image is and how it wants to be set up, told by its content: never by its name or date, which prove nothing."""

from __future__ import annotations

import re
import shlex
import struct
from dataclasses import dataclass
from typing import BinaryIO

from edgevision.errors import BadInput, MissingFile

from ..filesystems.ext4 import Ext4
from ..filesystems.fat32 import Fat32
from ..filesystems.partitions import Partitions, read_partitions

PYTHONS = {"bookworm": "3.11", "trixie": "3.13"}
"""Systems that can be prepared, by code name, and the Python that each has."""
MACHINES = {(1, 40): "armv7l", (2, 183): "aarch64", (2, 62): "x86_64"}
"""Class and machine of an ELF file -> what ``uname -m`` says of it."""
SEEDS = ("user-data", "meta-data")
OWN = "edgevision/image.json"
OTHERS = ("custom.toml", "firstrun.sh", "userconf.txt", "userconf", "rpi-preseed.toml")
"""What other programs leave on the boot partition, and what would set the system up beside us."""
FRESH = ("", "uninitialized")
"""What machine-id holds before the first start."""
UNTOUCHED = "take one as it was downloaded"


@dataclass(frozen=True, slots=True)
class SystemImage:
    """A Raspberry Pi OS that was never started."""

    backend: str
    """bookworm or trixie: how it sets itself up at its first start."""
    os_name: str
    """As its os-release has it."""
    python: str
    """As in 3.11."""
    arch: str
    """As ``uname -m`` would say of its programs."""
    cmdline: str
    """The line of cmdline.txt."""
    disk_id: str
    boot_at: int
    """Where the boot partition begins, in bytes."""
    boot_free_bytes: int


def examine(stream: BinaryIO) -> SystemImage:
    """Of an unpacked image or a card. Raises BadInput for what is no untouched Raspberry Pi OS, with the reason."""
    parts = read_partitions(stream)
    fat = Fat32(stream, parts.boot.start)
    cmdline = _cmdline(fat)
    _refuse_set_up(fat, cmdline)
    if parts.root is None:
        raise BadInput("it has no second partition with a Linux system, so it is no Raspberry Pi OS")
    root = Ext4(stream, parts.root.start)
    codename, os_name = _release(root)
    if _text(root, "etc/machine-id") not in FRESH:
        raise BadInput(f"this system has been started before (it has a machine-id); {UNTOUCHED}")
    backend = _backend(fat, cmdline.split())
    if backend != codename:
        raise BadInput(f"{os_name} that sets itself up as {backend} does is not known; {UNTOUCHED}")
    _check_root(cmdline, parts)
    python = _python(root)
    arch = _machine(root, python)
    return SystemImage(backend, os_name, python, arch, cmdline, parts.disk_id, parts.boot.start, fat.free)


def root_fault(cmdline: str, disk_id: str) -> str | None:
    """What is wrong with the root partition that the line names; None where it is that of this disk, or no PARTUUID."""
    named = re.search(r"(?:^|\s)root=PARTUUID=(\S+)", cmdline)
    if named is None or named[1].lower() == f"{disk_id}-02":
        return None
    return f"cmdline.txt names the root partition {named[1]}, and this disk's is {disk_id}-02: it would not start"


def _cmdline(fat: Fat32) -> str:
    try:
        raw = fat.read("cmdline.txt")
    except MissingFile:
        raise BadInput("its boot partition has no cmdline.txt, so it is no Raspberry Pi OS") from None
    lines = raw.decode("utf-8", "replace").strip().splitlines()
    if len(lines) != 1 or not lines[0].isprintable():
        raise BadInput(f"its cmdline.txt has {len(lines)} lines of text, and must have one; {UNTOUCHED}")
    return lines[0]


def _refuse_set_up(fat: Fat32, cmdline: str) -> None:
    """Two that set up the same system would get into each other's way."""
    names = set(fat.names())
    if "edgevision" in names and OWN.partition("/")[2] in fat.names("edgevision"):
        raise BadInput(f"this image was prepared by edgevision already; {UNTOUCHED}")
    found = sorted(names & set(OTHERS)) or [one for one in cmdline.split() if one.startswith("systemd.run=")]
    if found:
        raise BadInput(f"another program has set this image up already ({found[0]}); {UNTOUCHED}")


def _release(root: Ext4) -> tuple[str, str]:
    """Code name and full name."""
    fields = _fields(_text(root, "etc/os-release"))
    name = fields.get("PRETTY_NAME", "a system without a name")
    if fields.get("ID") not in ("debian", "raspbian") or not _text(root, "etc/rpi-issue"):
        raise BadInput(f"this is {name!r:.80}, no Raspberry Pi OS")
    codename = fields.get("VERSION_CODENAME", "?")
    if codename not in PYTHONS:
        known = " and ".join(one.capitalize() for one in PYTHONS)
        raise BadInput(f"this is Raspberry Pi OS {codename!r:.40}, and only {known} can be prepared")
    return codename, name


def _backend(fat: Fat32, words: list[str]) -> str:
    if any(word.startswith("init=") and word.endswith("/firstboot") for word in words):
        return "bookworm"
    if "resize" not in words:
        raise BadInput(
            f"its cmdline.txt has no first start in it: the system has been started, or changed; {UNTOUCHED}"
        )
    missing = [name for name in SEEDS if name not in fat.names()]
    if missing:
        raise BadInput(
            f"this Raspberry Pi OS lacks {' and '.join(missing)} on its boot partition, as that of October 2025 does, "
            "and so cannot be set up without a screen; take a newer one, or Bookworm"
        )
    return "trixie"


def _check_root(cmdline: str, parts: Partitions) -> None:
    fault = root_fault(cmdline, parts.disk_id)
    if fault:
        raise BadInput(f"{fault}; {UNTOUCHED}")


def _python(root: Ext4) -> str:
    """The version in the name that python3 links to."""
    try:
        target = root.target("usr/bin/python3")
    except MissingFile:
        raise BadInput(
            "this system has no Python 3, and the installer needs one; take Raspberry Pi OS or its Lite"
        ) from None
    found = re.search(r"python(3\.\d+)$", target)
    if found is None:
        raise BadInput(f"this system's python3 is {target!r:.80}, which tells no version; {UNTOUCHED}")
    return found[1]


def _machine(root: Ext4, python: str) -> str:
    """For which processor its Python was made: that is what libraries have to fit."""
    head = root.read(f"usr/bin/python{python}", 20)
    if len(head) < 20 or head[:4] != b"\x7fELF":
        raise BadInput(f"this system's Python is no program; {UNTOUCHED}")
    kind = (head[4], struct.unpack_from("<H", head, 18)[0])
    if kind not in MACHINES:
        raise BadInput(f"this system's Python is for an unknown processor (ELF machine {kind[1]})")
    return MACHINES[kind]


def _text(root: Ext4, path: str) -> str:
    """A small file; empty where it is not there."""
    try:
        return root.read(path, 1 << 16).decode("utf-8", "replace").strip()
    except MissingFile:
        return ""


def _fields(text: str) -> dict[str, str]:
    """os-release(5): shell assignments, of which nothing is run."""
    found = {}
    for line in text.splitlines():
        name, equals, value = line.partition("=")
        if equals and not line.startswith("#"):
            try:
                found[name.strip()] = "".join(shlex.split(value))
            except ValueError:
                continue
    return found
