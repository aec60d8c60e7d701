"""How the service fares, in words and as ``edgevision.service/1``."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from .manager import Manager

SCHEMA = "edgevision.service/1"
LOOKED_AT = 500
"""Lines of the journal among which the last event is looked for."""
NOT_ACTIVE = 3
"""Exit status of ``status``, as systemctl has it."""
_EVENT = re.compile(r"(?P<time>\d{4}-\d\d-\d\dT[\d:.]+Z) (?P<event>[a-z_]+): (?P<detail>.*)")
_RESULTS = {
    "watchdog": "it hung, and the watchdog ended it",
    "oom-kill": "it took more memory than it may",
    "exit-code": "it ended with a fault",
    "signal": "a signal ended it",
    "core-dump": "it crashed",
    "timeout": "it did not get ready, or did not stop, in time",
    "resources": "systemd could not start it",
    "protocol": "it ended before it was ready",
    "start-limit-hit": "it failed too often",
}


@dataclass(frozen=True, slots=True)
class Event:
    """The last thing the loop told."""

    time: str
    """RFC 3339, UTC."""
    event: str
    detail: str


@dataclass(frozen=True, slots=True)
class Status:
    """The service now. What is not known is None."""

    installed: bool
    enabled: bool
    active: bool
    state: str
    """systemd's own words: active (running)."""
    since: str | None
    """RFC 3339, UTC: when it became so."""
    restarts: int | None
    """Since it was started on purpose."""
    result: str
    """Of the last end: success, exit-code, signal, watchdog, oom-kill, timeout ..."""
    pid: int | None
    memory_mb: float | None
    status: str | None
    """What the loop says of itself: its rate."""
    last_event: Event | None
    last_message: str | None
    """The last line in the journal."""

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {"schema": SCHEMA, **asdict(self)}

    def describe(self) -> list[str]:
        """A few lines for people."""
        if not self.installed:
            return ["not installed; install it: sudo edgevision service install MODEL --camera 0"]
        since = f" since {self.since}" if self.since else ""
        lines = [f"{self.state}{since}" + ("" if self.enabled else "; it will not start with the machine")]
        if self.active and self.status:
            lines.append(f"it says: {self.status}")
        if self.memory_mb is not None:
            lines.append(f"memory: {self.memory_mb:.0f} MB")
        if self.restarts:
            lines.append(f"restarted {self.restarts} time{'s' if self.restarts > 1 else ''} by systemd")
        if self.result not in ("success", ""):
            lines.append(f"its last end: {_RESULTS.get(self.result, self.result)}")
        if self.last_event is not None:
            event = self.last_event
            lines.append(f"last event: {event.event}, {event.time}: {event.detail}")
        # systemd forgets the last result with each new try: one that starts may be one that starts over and over.
        if not self.active and not self.state.startswith("inactive") and self.last_message:
            lines.append(f"last line: {self.last_message}")
        return lines


def status(manager: Manager) -> Status:
    """Asks systemd and the journal. Raises EdgeVisionError."""
    shown = manager.show()
    active = shown.get("ActiveState", "") in ("active", "reloading")
    messages = manager.messages(LOOKED_AT)
    stamp = shown.get("ActiveEnterTimestamp" if active else "InactiveEnterTimestamp", "")
    return Status(
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
    """``@1763700000``, as systemctl has it with --timestamp=unix."""
    seconds = _number(stamp.removeprefix("@"))
    return None if not seconds else datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")


def _number(text: str) -> int | None:
    return int(text) if re.fullmatch(r"\d{1,18}", text, re.ASCII) else None


def _megabytes(text: str) -> float | None:
    """None where memory is not counted: the kernel of Raspberry Pi OS does that only when it is told to."""
    count = _number(text)
    return None if count is None else round(count / 1e6, 1)
