"""Whether the processor is a program: figures of an emulated machine say nothing about the real one."""

from __future__ import annotations

import os
from pathlib import Path

from ..doctor.system import System

ARM = ("aarch64", "arm64", "armv6l", "armv7l", "armv8l")
X86_ONLY = "/sys/devices/system/cpu/cpu0/microcode"
VIRT_BOARD = "linux,dummy-virt"
"""What QEMU's machine "virt" calls itself in its device tree; it stands for no board that can be bought."""


def emulated(system: System) -> str | None:
    """How, for people; None: nothing speaks for it."""
    if system.kernel in ARM:
        if system.path(X86_ONLY).exists() or "vendor_id" in system.read("/proc/cpuinfo"):
            return f"an {system.kernel} userland under qemu on an x86 machine"
        if _qemu_runs_us(system.root):
            return f"an {system.kernel} userland under qemu"
    if system.board == VIRT_BOARD or _firmware_says_qemu(system):
        return "a machine that QEMU emulates"
    return None


def _qemu_runs_us(root: Path) -> bool:
    """qemu-user shows /proc/self/exe as the program it runs, but not the other names of the same file."""
    try:
        return "qemu" in os.readlink(root / "proc/thread-self/exe")
    except OSError:
        return False


def _firmware_says_qemu(system: System) -> bool:
    """QEMU without hardware virtualization: the processor has a name that no real one has."""
    names = [line for line in system.read("/proc/cpuinfo").splitlines() if line.startswith("model name")]
    return any("QEMU TCG" in line or "QEMU Virtual CPU" in line for line in names)
