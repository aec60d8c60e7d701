"""Energy use of the board, from an energy counter, a power sensor, or a Raspberry Pi 5's power chip."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ..system.host import System

COUNTERS = "sys/class/powercap/intel-rapl:[0-9]*/energy_uj"
"""Energy counters of processor packages; those of their parts have two numbers in the name."""
_PACKAGE = re.compile(r"intel-rapl:\d+")
SENSORS = "sys/class/hwmon/hwmon*/power1_input"
"""Power sensors, in microwatts for the whole board."""
PI_5 = "Raspberry Pi 5"
PMIC = ("vcgencmd", "pmic_read_adc")
_RAIL = re.compile(r"^\s*(\w+)_([AV]) (?:current|volt)\(\d+\)=([\d.]+)[AV]", re.MULTILINE)
TIMEOUT_S = 1.0


@dataclass(frozen=True, slots=True)
class Reading:
    """One reading; at most one of the two values is known."""

    joules: float | None = None
    """Energy since an arbitrary start."""
    watts: float | None = None


class Energy:
    """Reads one machine's energy; a machine that reports none is not asked again."""

    def __init__(self, system: System) -> None:
        self._system = system
        self._silent = False

    def read(self) -> Reading:
        """Return the current reading."""
        if self._silent:
            return Reading()
        found = self._counter() or self._sensor() or self._power_chip() or Reading()
        self._silent = found == Reading()
        return found

    def _counter(self) -> Reading | None:
        files = [file for file in self._system.root.glob(COUNTERS) if _PACKAGE.fullmatch(file.parent.name)]
        numbers = [self._number(f"/{file.relative_to(self._system.root)}") for file in files]
        known = [number for number in numbers if number is not None]
        return Reading(joules=sum(known) / 1e6) if known else None

    def _sensor(self) -> Reading | None:
        files = sorted(self._system.root.glob(SENSORS))
        number = self._number(f"/{files[0].relative_to(self._system.root)}") if files else None
        return None if number is None else Reading(watts=number / 1e6)

    def _power_chip(self) -> Reading | None:
        """Read a Pi 5, which reports current and voltage of each rail, without the losses of its supply."""
        if PI_5 not in self._system.board:
            return None
        rails = _RAIL.findall(self._system.child(PMIC, TIMEOUT_S).out)
        amperes = {name: float(value) for name, unit, value in rails if unit == "A"}
        volts = {name: float(value) for name, unit, value in rails if unit == "V"}
        both = amperes.keys() & volts.keys()
        return Reading(watts=sum(amperes[name] * volts[name] for name in both)) if both else None

    def _number(self, path: str) -> int | None:
        text = self._system.read(path)
        return int(text) if text.isdecimal() else None


def used_j(before: Reading, after: Reading, seconds: float) -> float | None:
    """Return the joules used between two readings, from a power sensor as mean power times seconds; None if unknown."""
    if before.joules is not None and after.joules is not None:
        return after.joules - before.joules if after.joules >= before.joules else None  # the counter was reset
    if before.watts is not None and after.watts is not None:
        return (before.watts + after.watts) / 2 * seconds
    return None
