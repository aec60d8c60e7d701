"""The status of the service, as text and as ``edgevision.service/1``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from ..installer.base.loop import Loop
from ..installer.release.service_state import HOW
from .systemctl import Manager

SCHEMA = "edgevision.service/1"
LOOKED_AT = 500
"""Number of journal lines to search for the last event."""
NOT_ACTIVE = 3
"""Exit code of ``status`` for a service that is not running, as in systemctl."""
_EVENT = re.compile(r"(?P<time>\d{4}-\d\d-\d\dT[\d:.]+Z) (?P<event>[a-z_]+): (?P<detail>.*)")
_RESULTS = HOW | {
    "signal": "ended by a signal",
    "timeout": "did not become ready, or did not stop, in time",
    "resources": "could not be started by systemd",
    "start-limit-hit": "failed too often",
}


@dataclass(frozen=True, slots=True)
class Event:
    """The last event reported by the loop."""

    time: str
    """RFC 3339, UTC."""
    event: str
    detail: str


@dataclass(frozen=True, slots=True)
class Status:
    """The current status of the service of a loop; unknown values are None."""

    name: str | None
    """Name of the loop; None: it has none."""
    installed: bool
    enabled: bool
    active: bool
    state: str
    """systemd's state, such as ``active (running)``."""
    since: str | None
    """Time of the last change of state, RFC 3339 in UTC."""
    restarts: int | None
    """Number of automatic restarts since the last manual start."""
    result: str
    """systemd's result of the last run: success, exit-code, signal, watchdog, oom-kill, timeout ..."""
    pid: int | None
    memory_mb: float | None
    status: str | None
    """Status text reported by the loop: its frame rate."""
    last_event: Event | None
    last_message: str | None
    """The last line in the journal."""

    def to_json(self, others: Sequence[Status] = ()) -> dict[str, Any]:
        """Return the status as JSON values; ``others``: the loops with names, where all of them are shown."""
        return {"schema": SCHEMA, **asdict(self), "loops": [asdict(one) for one in others]}

    def describe(self) -> list[str]:
        """Return the status as lines of text."""
        if not self.installed:
            command = f"sudo edgevision service install MODEL --camera 0{Loop(self.name).option}"
            return [f"not installed; to install it: {command}"]
        since = f" since {self.since}" if self.since else ""
        lines = [f"{self.state}{since}" + ("" if self.enabled else "; not started at boot")]
        if self.active and self.status:
            lines.append(f"status: {self.status}")
        if self.memory_mb is not None:
            lines.append(f"memory: {self.memory_mb:.0f} MB")
        if self.restarts:
            lines.append(f"restarted {self.restarts} time{'s' if self.restarts > 1 else ''} by systemd")
        if self.result not in ("success", ""):
            lines.append(f"last failure: {_RESULTS.get(self.result, self.result)}")
        if self.last_event is not None:
            event = self.last_event
            lines.append(f"last event: {event.event}, {event.time}: {event.detail}")
        # systemd resets the result at each attempt, so a service that is starting may be in a restart loop.
        if not self.active and not self.state.startswith("inactive") and self.last_message:
            lines.append(f"last line: {self.last_message}")
        return lines


def describe_all(found: Sequence[Status]) -> list[str]:
    """Return the status of several loops as lines of text, each below its name."""
    lines = []
    for one in found:
        lines += [f"{Loop(one.name).service}:", *(f"  {line}" for line in one.describe())]
    return lines


def status(manager: Manager) -> Status:
    """Query systemd and the journal. Raises EdgeVisionError."""
    shown = manager.show()
    active = shown.get("ActiveState", "") in ("active", "reloading")
    messages = manager.messages(LOOKED_AT)
    stamp = shown.get("ActiveEnterTimestamp" if active else "InactiveEnterTimestamp", "")
    return Status(
        name=manager.loop.name,
        installed=shown.get("LoadState") == "loaded",
        enabled=shown.get("UnitFileState", "").startswith("enabled"),
        active=active,
        state=f"{shown.get('ActiveState', 'unknown')} ({shown.get('SubState', 'unknown')})",
        since=_time(stamp),
        restarts=_number(shown.get("NRestarts", "")),
        result=shown.get("Result", ""),
        pid=_number(shown.get("MainPID", "")) or None,
        memory_mb=_megabytes(shown.get("MemoryCurrent", "")),
        status=shown.get("StatusText") or None,
        last_event=_last_event(messages),
        last_message=messages[-1] if messages else None,
    )


def _last_event(messages: list[str]) -> Event | None:
    for line in reversed(messages):
        if found := _EVENT.fullmatch(line):
            return Event(**found.groupdict())
    return None


def _time(stamp: str) -> str | None:
    """Parse a time such as ``@1763700000``, the output of systemctl --timestamp=unix."""
    seconds = _number(stamp.removeprefix("@"))
    return None if not seconds else datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")


def _number(text: str) -> int | None:
    return int(text) if re.fullmatch(r"\d{1,18}", text, re.ASCII) else None


def _megabytes(text: str) -> float | None:
    """Convert bytes to MB; None if memory is not accounted, which Raspberry Pi OS's kernel does only if enabled."""
    count = _number(text)
    return None if count is None else round(count / 1e6, 1)
