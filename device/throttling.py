"""Whether a Raspberry Pi runs slower than it could: the firmware's bits for a weak supply and for heat.

Bits 0-3 hold now, bits 16-19 have held since the start (Raspberry Pi documentation, vcgencmd get_throttled).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from .clock import SYSTEM, Clock

PLATFORM = Path("/sys/devices/platform")
FIRMWARE = "soc*/soc*:firmware/get_throttled"
"""Below PLATFORM: soc/soc:firmware up to the Pi 4; the Pi 5 has an address in both names."""
VCGENCMD = Path("/usr/bin/vcgencmd")
TIMEOUT_S = 1.0
NAMES = ("under_voltage", "frequency_capped", "throttled", "soft_temperature_limit")
"""Of the bits 0 to 3, and of 16 to 19."""
SINCE_START = 16
LOOK_S = 5.0
"""The firmware is asked so often; what is shorter is still seen: the bits from 16 on remember it."""
ADVICE = {
    "under_voltage": "the power supply or its cable is too weak",
    "frequency_capped": "the processor's frequency is capped",
    "throttled": "the processor is slowed down",
    "soft_temperature_limit": "the processor is hot: it needs air or a heat sink",
}


class Firmware:
    """Asks the firmware: by its file, else by vcgencmd; on another machine it is not asked twice."""

    def __init__(self, platform: Path = PLATFORM, command: Path = VCGENCMD) -> None:
        self._file = next(iter(sorted(platform.glob(FIRMWARE))), None)
        self._command = command
        self._absent = False

    def __call__(self) -> int | None:
        """The bits; None where nothing tells."""
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
    """What slows the machine down during one run."""

    def __init__(self, clock: Clock = SYSTEM, firmware: Callable[[], int | None] | None = None) -> None:
        """``firmware``: gives the bits; None: this machine's own."""
        self._clock = clock
        self._firmware = firmware or Firmware()
        self._due = float("-inf")
        self._bits: int | None = None
        self._seen: tuple[str, ...] = ()

    def look(self) -> tuple[str, ...]:
        """What has begun since the last look; nothing when it is not yet time to look."""
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
        """What held at the last look; None where nothing tells."""
        return None if self._bits is None else list(now(self._bits))

    @property
    def seen(self) -> list[str] | None:
        """All that held at some time of this run; None where nothing tells."""
        return None if self._bits is None else list(self._seen)


def now(bits: int) -> tuple[str, ...]:
    """What holds now."""
    return tuple(name for bit, name in enumerate(NAMES) if bits >> bit & 1)


def since_start(bits: int) -> tuple[str, ...]:
    """What has held at some time since the machine started."""
    return now(bits >> SINCE_START)


def _begun(before: int | None, bits: int) -> tuple[str, ...]:
    """At the first look what holds; later what did not hold before, or held for a moment in between."""
    if before is None:
        return now(bits)
    begun = [name for name in now(bits) if name not in now(before)]
    known = {*now(before), *since_start(before)}
    begun += [name for name in since_start(bits) if name not in known]
    return tuple(dict.fromkeys(begun))


def _number(text: str) -> int | None:
    """The file writes hexadecimal digits, the command 0x before them."""
    try:
        return int(text, 16)
    except ValueError:
        return None
