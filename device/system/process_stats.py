"""Facts about this process and machine; None if not available."""

from __future__ import annotations

import os
from pathlib import Path

PROC = Path("/proc/self")
THERMAL = Path("/sys/class/thermal/thermal_zone0/temp")


def memory_mb(proc: Path = PROC) -> float | None:
    """Return the current resident memory of this process in 10^6 bytes."""
    text = _read(proc / "statm").split()
    if len(text) < 2 or not text[1].isdecimal():
        return None
    return round(int(text[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6, 1)


def peak_memory_mb(proc: Path = PROC) -> float | None:
    """Return the peak resident memory of this process in 10^6 bytes."""
    for line in _read(proc / "status").splitlines():
        name, _, value = line.partition(":")
        if name == "VmHWM":
            return round(int(value.split()[0]) * 1024 / 1e6, 1)
    return None


def temperature_c(sensor: Path = THERMAL) -> float | None:
    """Return the processor temperature in degrees Celsius."""
    text = _read(sensor).strip()
    return round(int(text) / 1000, 1) if text.lstrip("-").isdecimal() else None


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
