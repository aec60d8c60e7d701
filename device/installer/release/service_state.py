"""The state of the service, by systemctl, and what it said last, by journalctl."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..base.commands import run
from ..base.errors import Refused
from ..base.loop import UNNAMED, Loop

Ask = Callable[[Sequence[str]], str]
"""Runs a command and returns its output. Raises Refused, OSError."""
PREFIX = "edgevision: error: "
FIELDS = ("ActiveState", "SubState", "Result", "NRestarts", "MainPID")
HOW = {
    "watchdog": "hung and was ended by the watchdog",
    "oom-kill": "exceeded its memory limit",
    "exit-code": "ended with an error",
    "signal": "was ended by a signal",
    "core-dump": "crashed",
    "timeout": "did not become ready in time",
    "protocol": "ended before it was ready",
}
"""systemd's results (systemd.exec(5), SERVICE_RESULT) in words."""


@dataclass(frozen=True, slots=True)
class ServiceState:
    """systemd's view of the service."""

    active: str
    result: str
    restarts: int
    pid: int

    @property
    def ready(self) -> bool:
        """Whether it sent READY=1 and runs."""
        return self.active == "active"

    @property
    def failed(self) -> bool:
        """Whether its last run failed, even if it is being started again."""
        return self.active == "failed" or (not self.ready and self.result not in ("success", ""))

    @property
    def described(self) -> str:
        """How it failed, in words."""
        return HOW.get(self.result, "was restarted by systemd" if self.result in ("success", "") else self.result)


def look(ask: Ask, loop: Loop = UNNAMED) -> ServiceState:
    """Ask systemd. Raises Refused, OSError."""
    text = ask(("systemctl", "show", f"--property={','.join(FIELDS)}", loop.unit))
    values = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
    return ServiceState(
        values.get("ActiveState", ""),
        values.get("Result", ""),
        _number(values.get("NRestarts", "")),
        _number(values.get("MainPID", "")),
    )


def last_words(ask: Ask, loop: Loop = UNNAMED) -> str:
    """Return the last line that the service wrote; empty if there is none."""
    return next(iter(reversed(tail(ask, 1, loop=loop))), "").removeprefix(PREFIX)


def tail(ask: Ask, lines: int, since: float = 0.0, loop: Loop = UNNAMED) -> list[str]:
    """Return the last lines that the service wrote in this boot, oldest first; none if the journal cannot be read.

    ``since``: only lines from then on, in seconds since 1970.
    """
    try:
        said = journal(ask, f"--since=@{since:.3f}", "_TRANSPORT=stdout", loop=loop)
    except (Refused, OSError):
        return []
    return [line for line in said if line.strip()][-lines:]


def journal(ask: Ask, *more: str, loop: Loop = UNNAMED) -> list[str]:
    """Return the unit's lines of this boot. ``more``: options and fields of journalctl(1). Raises Refused, OSError."""
    command = ("journalctl", "--no-pager", "--quiet", "--output=cat", "--boot", f"--unit={loop.unit}", *more)
    return ask(command).splitlines()


def ask_system(command: Sequence[str]) -> str:
    """Run a command of this machine and return its output. Raises Refused, OSError."""
    return run(command, " ".join(command[:2]), Path("/"))


def _number(text: str) -> int:
    return int(text) if text.isdecimal() else 0
