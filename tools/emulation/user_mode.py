"""arm64 programs on this machine, one process at a time: qemu-user, through binfmt_misc where the kernel lets us."""

from __future__ import annotations

import platform
import shutil
from contextlib import suppress
from pathlib import Path

from .host import CannotRun, need_programs, say
from .namespace import bind, mount, mount_system

BINFMT = Path("/proc/sys/fs/binfmt_misc")
ENTRY = Path("/usr/lib/binfmt.d/qemu-aarch64.conf")
QEMU = "qemu-aarch64-static"
CPU = "cortex-a72"
"""A Pi 4's. With every feature that qemu knows (max), LiteRT's kernels give wrong answers."""
CPUINFO = Path(__file__).with_name("cpuinfo-pi4")


def prepare(root: Path) -> list[str]:
    """Mounts what a program in the root expects; what goes before each command. Raises CannotRun.

    LiteRT reads the host's /proc/cpuinfo and crashes when that speaks of another kind of processor, and takes slow
    ways without /sys: so the root gets /sys, and a Pi 4's cpuinfo.
    """
    mount_system(root)
    bind(CPUINFO, root / "proc" / "cpuinfo")
    return ["chroot", str(root), *interpreter(root)]


def interpreter(root: Path) -> list[str]:
    """What stands before a program's path in the root: nothing where binfmt_misc starts qemu by itself."""
    if runs_programs():
        return []
    target = root / "usr" / "bin" / QEMU
    shutil.copy2(str(shutil.which(QEMU)), target)
    say("binfmt_misc is not permitted here: qemu is called by name, and programs cannot start others")
    return [f"/usr/bin/{QEMU}"]


def runs_programs() -> bool:
    """Whether the kernel starts arm64 programs by itself; the registration ends with our mount namespace."""
    if platform.machine() == "aarch64":
        return True
    need_programs({QEMU: "qemu-user-static"})
    if not BINFMT.is_dir():
        return False
    if not (BINFMT / "register").exists():
        try:
            mount("-t", "binfmt_misc", "binfmt_misc", BINFMT)
        except CannotRun:
            return False
    if not (BINFMT / "qemu-aarch64").exists():
        with suppress(OSError):
            (BINFMT / "register").write_text(ENTRY.read_text().strip())
    return (BINFMT / "qemu-aarch64").exists()
