"""Detection of emulated machines, whose timings say nothing about real ones."""

from __future__ import annotations

import os
from pathlib import Path

from ..doctor.system import System

ARM = ("aarch64", "arm64", "armv6l", "armv7l", "armv8l")
X86_ONLY = "/sys/devices/system/cpu/cpu0/microcode"
VIRT_BOARD = "linux,dummy-virt"
"""Name of QEMU's machine "virt" in its device tree; it corresponds to no real board."""


def emulated(system: System) -> str | None:
    """Return how the machine is emulated, as text; None if there is no sign of it."""
    if system.kernel in ARM:
        if system.path(X86_ONLY).exists() or "vendor_id" in system.read("/proc/cpuinfo"):
            return f"an {system.kernel} userland under qemu on an x86 machine"
        if _qemu_runs_us(system.root):
            return f"an {system.kernel} userland under qemu"
    if system.board == VIRT_BOARD or _firmware_says_qemu(system):
        return "a machine emulated by QEMU"
    return None


def _qemu_runs_us(root: Path) -> bool:
    """Detect qemu-user, which fakes /proc/self/exe but not other names of the same file."""
    try:
        return "qemu" in os.readlink(root / "proc/thread-self/exe")
    except OSError:
        return False


def _firmware_says_qemu(system: System) -> bool:
    """Detect QEMU without hardware virtualization by its processor name, which no real processor has."""
    names = [line for line in system.read("/proc/cpuinfo").splitlines() if line.startswith("model name")]
    return any("QEMU TCG" in line or "QEMU Virtual CPU" in line for line in names)
