"""The machine's state during a measurement: temperature, frequency, throttling, load, swapping and other programs."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

from ..system.host import System
from ..system.process_stats import THERMAL, temperature_c
from ..system.throttling import now, since_start

TICKS_PER_S = os.sysconf("SC_CLK_TCK")
FREQUENCIES = "sys/devices/system/cpu/cpu[0-9]*/cpufreq/scaling_cur_freq"


@dataclass(frozen=True, slots=True)
class State:
    """The state at one moment; None if the machine does not report a value."""

    at_s: float
    """Seconds since the measurement started; negative before it."""
    temperature_c: float | None
    frequency_mhz: float | None
    """Frequency of the fastest core."""
    throttled: tuple[str, ...] | None
    """Active kinds of throttling, by the names in ``device/system/throttling.py``."""
    load: float | None
    """Load average over one minute."""

    def to_json(self) -> dict[str, Any]:
        """Return the state as JSON values."""
        return {
            "at_s": round(self.at_s, 3),
            "temperature_c": self.temperature_c,
            "frequency_mhz": self.frequency_mhz,
            "throttled": None if self.throttled is None else list(self.throttled),
            "load": self.load,
        }


@dataclass(frozen=True, slots=True)
class Counters:
    """Kernel counters since boot; None if not reported."""

    swapped_pages: int | None
    """Pages swapped in and out."""
    busy_s: float | None
    """CPU seconds of all cores and programs, including time stolen by a hypervisor."""


class MachineMonitor:
    """Reads the state and counters of one machine."""

    def __init__(self, system: System) -> None:
        self._system = system
        self._bits: int | None = None

    def look(self, at_s: float) -> State:
        """Return the current state, including throttling that began and ended since the previous call."""
        before, self._bits = self._bits, self._system.throttled()
        return State(
            at_s,
            temperature_c(self._system.path(str(THERMAL))),
            frequency_mhz(self._system),
            None if self._bits is None else _slowing(before, self._bits),
            _load(self._system),
        )

    def counters(self) -> Counters:
        """Return the kernel's current counters."""
        return Counters(_swapped(self._system), _busy(self._system))


def frequency_mhz(system: System) -> float | None:
    """Return the current frequency of the fastest core; None if unknown."""
    found = [file.read_text().strip() for file in system.root.glob(FREQUENCIES)]
    numbers = [int(text) / 1000 for text in found if text.isdecimal()]
    if not numbers:  # x86 without cpufreq, usually a virtual machine
        lines = system.read("/proc/cpuinfo").splitlines()
        numbers = [float(line.partition(":")[2]) for line in lines if line.startswith("cpu MHz")]
    return round(max(numbers), 1) if numbers else None


def _slowing(before: int | None, bits: int) -> tuple[str, ...]:
    """Return the throttling that is active now or was active for a moment since the previous call."""
    passed = () if before is None else tuple(name for name in since_start(bits) if name not in since_start(before))
    return tuple(dict.fromkeys(now(bits) + passed))


def _load(system: System) -> float | None:
    words = system.read("/proc/loadavg").split()
    return float(words[0]) if words else None


def _swapped(system: System) -> int | None:
    pairs = dict(line.split()[:2] for line in system.read("/proc/vmstat").splitlines() if line.count(" ") == 1)
    counts = [pairs[name] for name in ("pswpin", "pswpout") if name in pairs]
    return sum(map(int, counts)) if counts else None


def _busy(system: System) -> float | None:
    """Return the time that is neither idle nor I/O wait (proc(5), /proc/stat)."""
    words = system.read("/proc/stat").split("\n", 1)[0].split()
    if not words or words[0] != "cpu":
        return None
    user, nice, kernel, _idle, _wait, irq, softirq, steal = (int(word) for word in (words[1:] + ["0"] * 8)[:8])
    return (user + nice + kernel + irq + softirq + steal) / TICKS_PER_S
