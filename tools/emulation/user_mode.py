"""arm64 programs on this machine with qemu-user, started through binfmt_misc if permitted."""

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
CPUINFO = Path(__file__).with_name("cpuinfo-pi4")


def prepare(root: Path) -> list[str]:
    """Mount what programs in the root need and return the prefix of commands that run in it. Raises CannotRun.

    LiteRT reads the host's /proc/cpuinfo and crashes if it describes another architecture, and it uses slow kernels
    without /sys; so the root gets /sys and a Pi 4's cpuinfo.
    """
    mount_system(root)
    bind(CPUINFO, root / "proc" / "cpuinfo")
    return ["chroot", str(root), *interpreter(root)]


def interpreter(root: Path) -> list[str]:
    """Return the prefix of programs in the root: empty if binfmt_misc starts QEMU."""
    if runs_programs():
        return []
    target = root / "usr" / "bin" / QEMU
    shutil.copy2(str(shutil.which(QEMU)), target)
    say("binfmt_misc is not permitted here: QEMU is called explicitly, and programs cannot start other programs")
    return [f"/usr/bin/{QEMU}"]


def runs_programs() -> bool:
    """Return whether the kernel can start arm64 programs; registers QEMU in this mount namespace if needed."""
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
