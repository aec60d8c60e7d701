"""A deployment, and the state of a device, as text, tables and JSON."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from edgevision.reporting.terminal import table

from ..installer.base.loop import UNNAMED, Loop
from .deploy import Plan, Progress
from .device_info import Installed
from .preflight import Check

if TYPE_CHECKING:
    from rich.table import Table

STATUS_SCHEMA = "edgevision.deploy_status/1"
PLAN_SCHEMA = "edgevision.deploy_plan/1"


class Steps(Progress):
    """Show the steps of a device as lines, and the upload as a bar."""

    def __init__(self, note: Callable[[str], None], bar: Callable[[str, int, int], None]) -> None:
        self._note, self._bar = note, bar

    def step(self, name: str, message: str) -> None:
        """Show a step."""
        self._note(f"{name}: {message}")

    def sent(self, done: int, total: int) -> None:
        """Show how much was sent."""
        self._bar("upload", done, total)


def checks_table(checks: Sequence[Check]) -> Table:
    """Return the preflight as a table."""
    rows = [[_mark(one), one.name, one.found, one.fix] for one in checks]
    return table(["", "check", "found", "what to do"], rows)


def describe(wish: Plan) -> str:
    """Describe a plan in one line."""
    if wish.failed:
        return "; ".join(f"{one.name}: {one.fix}" for one in wish.failed)
    assert wish.package is not None
    current = wish.device.installed.current or "nothing"
    return f"{len(wish.package.data) / 1e6:.1f} MB would replace {current} by {wish.package.manifest.id}"


def plan_json(host: str, wish: Plan) -> dict[str, Any]:
    """Return a plan as JSON values."""
    made = wish.package
    return {
        "schema": PLAN_SCHEMA,
        "host": host,
        "preflight": [one.to_json() for one in wish.checks],
        "release": {"from": wish.device.installed.current, "to": None if made is None else made.manifest.id},
        "upload_bytes": None if made is None else len(made.data),
    }


def status_json(
    host: str, found: Installed, loop: Loop = UNNAMED, others: Mapping[Loop, Installed] = MappingProxyType({})
) -> dict[str, Any]:
    """Return the state of a loop of a device as JSON values; ``others``: the loops with names, where all are shown."""
    loops = [_loop_json(one, state) for one, state in others.items()]
    return {"schema": STATUS_SCHEMA, "host": host, **_loop_json(loop, found), "loops": loops}


def _loop_json(loop: Loop, found: Installed) -> dict[str, Any]:
    return {
        "name": loop.name,
        "current": found.current,
        "previous": found.previous,
        "state": found.state,
        "since": found.since,
        "confirmed_at": found.confirmed_at,
        "reason": found.reason,
        "attempts": found.attempts,
        "bad": [{"release": name, "reason": reason} for name, reason in found.bad],
        "releases": [{"name": name, "complete": done} for name, done in found.releases.items()],
        "service": {
            "state": f"{found.service.get('ActiveState', 'unknown')} ({found.service.get('SubState', 'unknown')})",
            "restarts": _number(found.service.get("NRestarts", "")),
            "status": found.service.get("StatusText") or None,
        },
        "frames": found.frames,
        "rate_fps": found.rate_fps,
        "updating": found.updating,
    }


def status_lines(found: Installed) -> list[str]:
    """Return the state of a device as lines of text."""
    if found.current is None:
        return ["nothing is installed"]
    since = f" since {found.since}" if found.since else ""
    lines = [f"release: {found.current}, {found.state}{since}"]
    if found.reason:
        lines.append(f"reason: {found.reason}")
    if found.updating:
        lines.append("an update runs")
    service = found.service
    lines.append(f"service: {service.get('ActiveState', 'unknown')} ({service.get('SubState', 'unknown')})")
    if found.active and service.get("StatusText"):
        lines.append(f"status: {service['StatusText']}")
    if found.attempts:
        lines.append(f"failed starts in a row: {found.attempts}")
    if found.previous:
        lines.append(f"previous: {found.previous}")
    return lines


def all_lines(found: Mapping[Loop, Installed]) -> list[str]:
    """Return the state of several loops as lines of text, each below its name."""
    lines = []
    for loop, state in found.items():
        lines += [f"{loop.service}:", *(f"  {line}" for line in status_lines(state))]
    return lines


def releases_table(found: Installed) -> Table:
    """Return the releases of a device as a table."""
    bad = dict(found.bad)
    rows = []
    for name, complete in found.releases.items():
        state = "current" if name == found.current else "previous" if name == found.previous else ""
        rows.append([name, state, "complete" if complete else "incomplete", bad.get(name, "")])
    rows += [[name, "removed", "", reason] for name, reason in bad.items() if name not in found.releases]
    return table(["release", "", "files", "failed because"], rows)


def _mark(one: Check) -> str:
    if one.ok:
        return "ok"
    return "no" if one.fatal else "note"


def _number(text: str) -> int | None:
    return int(text) if text.isdecimal() else None
