"""Throttling of a Raspberry Pi: the firmware's bits for under-voltage and heat.

Bits 0-3 hold now, bits 16-19 have occurred since boot (Raspberry Pi documentation, vcgencmd get_throttled).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from .clock import SYSTEM, Clock

PLATFORM = Path("/sys/devices/platform")
FIRMWARE = "soc*/soc*:firmware/get_throttled"
"""Path below PLATFORM: soc/soc:firmware up to the Pi 4; on the Pi 5 both names contain an address."""
VCGENCMD = Path("/usr/bin/vcgencmd")
TIMEOUT_S = 1.0
NAMES = ("under_voltage", "frequency_capped", "throttled", "soft_temperature_limit")
"""Names of bits 0 to 3, and of 16 to 19."""
SINCE_START = 16
LOOK_S = 5.0
"""Seconds between queries; shorter events are still seen, since bits 16 and up record them."""
ADVICE = {
    "under_voltage": "the power supply or its cable is too weak; use a stronger one",
    "frequency_capped": "the CPU frequency is capped",
    "throttled": "the CPU is throttled",
    "soft_temperature_limit": "the CPU is hot; improve airflow or add a heat sink",
}


class Firmware:
    """Queries the firmware by its file or by vcgencmd; on other machines it is not queried twice."""

    def __init__(self, platform: Path = PLATFORM, command: Path = VCGENCMD) -> None:
        self._file = next(iter(sorted(platform.glob(FIRMWARE))), None)
        self._command = command
        self._absent = False

    def __call__(self) -> int | None:
        """Return the bits; None if not available."""
        if self._absent:
            return None
        text = self._text()
        bits = _number(text.strip().removeprefix("throttled="))
        self._absent = bits is None
        return bits

    def _text(self) -> str:
        if self._file is None:
            return self._ask()
        try:
            return self._file.read_text(encoding="ascii", errors="replace")
        except OSError:
            return self._ask()

    def _ask(self) -> str:
        if not self._command.exists():
            return ""
        import subprocess

        command = [str(self._command), "get_throttled"]
        try:
            return subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False).stdout
        except (OSError, subprocess.TimeoutExpired):
            return ""


class Watch:
    """Tracks what slows the machine down during one run."""

    def __init__(self, clock: Clock = SYSTEM, firmware: Callable[[], int | None] | None = None) -> None:
        """``firmware``: returns the bits; None: those of this machine."""
        self._clock = clock
        self._firmware = firmware or Firmware()
        self._due = float("-inf")
        self._bits: int | None = None
        self._seen: tuple[str, ...] = ()

    def look(self) -> tuple[str, ...]:
        """Return what began since the last query; nothing if the next one is not due yet."""
        time = self._clock.monotonic()
        if time < self._due:
            return ()
        before, self._bits = self._bits, self._firmware()
        self._due = time + LOOK_S
        begun = () if self._bits is None else _begun(before, self._bits)
        self._seen = tuple(dict.fromkeys(self._seen + begun))
        return begun

    @property
    def holding(self) -> list[str] | None:
        """What held at the last query; None if not available."""
        return None if self._bits is None else list(now(self._bits))

    @property
    def seen(self) -> list[str] | None:
        """Everything that held at any time during the run; None if not available."""
        return None if self._bits is None else list(self._seen)


def now(bits: int) -> tuple[str, ...]:
    """Return the names of what holds now."""
    return tuple(name for bit, name in enumerate(NAMES) if bits >> bit & 1)


def since_start(bits: int) -> tuple[str, ...]:
    """Return the names of what has occurred since boot."""
    return now(bits >> SINCE_START)


def _begun(before: int | None, bits: int) -> tuple[str, ...]:
    """Return what holds at the first query; later, what began, or occurred briefly in between."""
    if before is None:
        return now(bits)
    begun = [name for name in now(bits) if name not in now(before)]
    known = {*now(before), *since_start(before)}
    begun += [name for name in since_start(bits) if name not in known]
    return tuple(dict.fromkeys(begun))


def _number(text: str) -> int | None:
    """Parse hexadecimal digits; the command prefixes 0x, the file does not."""
    try:
        return int(text, 16)
    except ValueError:
        return None
