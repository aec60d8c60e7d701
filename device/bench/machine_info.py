"""Description of the machine that was measured, needed to reproduce or compare the results."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ..system.host import System
from .machine_state import frequency_mhz

GOVERNOR = "/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"
LIMITS = {
    # kHz
    "min": "/sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_min_freq",
    "max": "/sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq",
}
ARM_PARTS = {
    # "CPU part" of Arm's own cores (implementer 0x41), as in the Main ID Register
    "0xb76": "ARM1176",
    "0xc07": "Cortex-A7",
    "0xd03": "Cortex-A53",
    "0xd04": "Cortex-A35",
    "0xd05": "Cortex-A55",
    "0xd07": "Cortex-A57",
    "0xd08": "Cortex-A72",
    "0xd09": "Cortex-A73",
    "0xd0a": "Cortex-A75",
    "0xd0b": "Cortex-A76",
    "0xd0c": "Neoverse-N1",
    "0xd40": "Neoverse-V1",
    "0xd41": "Cortex-A78",
}
RUNTIMES = ("ai-edge-litert", "tflite-runtime", "tensorflow", "numpy", "opencv-python-headless", "opencv-python")


@dataclass(frozen=True, slots=True)
class Machine:
    """The measured machine; None for values it does not report."""

    board: str | None
    cpu: str | None
    arch: str
    cores: int | None
    governor: str | None
    frequency_mhz: dict[str, float | None]
    """Frequency in MHz: min, max, now."""
    memory_mb: int | None
    swap_mb: int | None
    os: str | None
    kernel: str | None
    python: str
    runtimes: dict[str, str]
    """Versions of the installed distributions."""
    delegates: list[str] = field(default_factory=list)
    emulated: str | None = None
    """How the machine is emulated; None if it appears to be real."""

    def to_json(self) -> dict[str, Any]:
        """Return the description as JSON values."""
        return asdict(self)

    @property
    def name(self) -> str:
        """The board's or processor's name."""
        known = self.board or self.cpu or self.arch
        return f"{known}, emulated" if self.emulated else known


def describe(system: System, versions: Mapping[str, str], delegates: list[str]) -> Machine:
    """Describe a machine. ``versions``: of the installed distributions. ``delegates``: available here."""
    memory = _sizes(system)
    return Machine(
        board=system.board or system.read("/sys/class/dmi/id/product_name") or None,
        cpu=_cpu(system),
        arch=system.kernel if system.pointer_bits == 64 else f"{system.kernel}, 32-bit system",
        cores=system.read("/proc/cpuinfo").count("processor\t") or None,
        governor=system.read(GOVERNOR) or None,
        frequency_mhz={name: _mhz(system.read(path)) for name, path in LIMITS.items()} | {"now": frequency_mhz(system)},
        memory_mb=memory.get("MemTotal"),
        swap_mb=memory.get("SwapTotal"),
        os=system.release.get("PRETTY_NAME"),
        kernel=system.read("/proc/sys/kernel/osrelease") or None,
        python=".".join(map(str, system.python)),
        runtimes={name: versions[name] for name in RUNTIMES if name in versions},
        delegates=delegates,
        emulated=emulated(system),
    )


def _cpu(system: System) -> str | None:
    """Return the processor's name, which x86 reports; Arm reports only numbers."""
    pairs = [line.partition(":") for line in system.read("/proc/cpuinfo").splitlines()]
    said = {key.strip(): value.strip() for key, _, value in reversed(pairs) if value.strip()}
    if "CPU part" in said and said.get("CPU implementer") == "0x41":
        return ARM_PARTS.get(said["CPU part"], f"Arm part {said['CPU part']}")
    return said.get("model name") or said.get("Model") or None


def _sizes(system: System) -> dict[str, int]:
    """Return the values of /proc/meminfo in MB."""
    words = [line.split() for line in system.read("/proc/meminfo").splitlines()]
    return {row[0].rstrip(":"): round(int(row[1]) * 1024 / 1e6) for row in words if len(row) > 1 and row[1].isdecimal()}


def _mhz(text: str) -> float | None:
    return round(int(text) / 1000, 1) if text.isdecimal() else None


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
