"""A deployment to a fleet, and the state of a fleet, as tables and JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from edgevision.reporting.terminal import short, table

from .deploy import FleetResult, HostResult
from .status import FleetStatus, HostStatus

if TYPE_CHECKING:
    from rich.table import Table

DEPLOY_SCHEMA = "edgevision.fleet_deploy/1"
STATUS_SCHEMA = "edgevision.fleet_status/1"
MAX_EVENT = 70
"""Characters of the last event in the table; --json has all."""


def deploy_table(result: FleetResult) -> Table:
    """Return one row for each device of a deployment."""
    rows = []
    for one in result.hosts:
        after = (one.rate_fps or {}).get("after")
        name = f"{one.host} (canary)" if one.canary else one.host
        rows.append(
            [name, one.state, _change(one), "" if after is None else f"{after:.1f}", _reason(one, result.dry_run)]
        )
    return table(["device", "state", "release", "frames/s", "reason"], rows)


def _change(one: HostResult) -> str:
    old, new = one.release.get("from"), one.release.get("to")
    if one.state == "unchanged" or new is None:
        return old or ""
    return f"{old or 'nothing'} -> {new}"


def _reason(one: HostResult, dry_run: bool) -> str:
    """Return why the release was not kept, or a note; before a deployment, also what may be wrong with the device."""
    notes = [f"{check.name}: {check.found}; {check.fix}" for check in one.checks if not check.ok] if dry_run else []
    notes += [one.note] if one.note else []
    return one.reason or ("note: " + "; ".join(notes) if notes else "")


def deploy_json(result: FleetResult) -> dict[str, Any]:
    """Return a deployment as JSON values."""
    return {
        "schema": DEPLOY_SCHEMA,
        "inventory": str(result.inventory),
        "dry_run": result.dry_run,
        "seconds": result.seconds,
        "hosts": [
            {
                "host": one.host,
                "address": one.address,
                "canary": one.canary,
                "state": one.state,
                "release": {"from": one.release.get("from"), "to": one.release.get("to")},
                "reason": one.reason,
                "preflight": [check.to_json() for check in one.checks],
                "uploaded_bytes": one.uploaded_bytes,
                "rate_fps": dict(one.rate_fps) if one.rate_fps else {"before": None, "after": None},
                "seconds": dict(one.seconds),
                "log": one.log,
                "note": one.note,
            }
            for one in result.hosts
        ],
    }


def status_table(found: FleetStatus) -> Table:
    """Return one row for each device."""
    rows = [_status_row(one) for one in found.hosts]
    return table(["device", "state", "release", "model", "frames/s", "°C", "drift", "last event"], rows)


def _status_row(one: HostStatus) -> Sequence[str]:
    device = one.device
    if device is None:
        return [one.host, one.state, "", "", "", "", "", one.reason]
    event = device.last_event
    last = "" if event is None else short(f"{event.time} {event.what}: {event.detail}", MAX_EVENT)
    release = f"{device.current or 'nothing'}{'' if device.state == 'confirmed' else f', {device.state}'}"
    return [
        one.host,
        one.state,
        release,
        (one.model_sha256 or "")[:12],
        _number(device.rate_fps),
        _number(device.temperature_c),
        device.drift or "",
        last or device.reason,
    ]


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.1f}"


def status_json(found: FleetStatus) -> dict[str, Any]:
    """Return the state of a fleet as JSON values."""
    return {
        "schema": STATUS_SCHEMA,
        "inventory": str(found.inventory),
        "hosts": [_status_of(one) for one in found.hosts],
    }


def _status_of(one: HostStatus) -> dict[str, Any]:
    device = one.device
    event = None if device is None else device.last_event
    return {
        "host": one.host,
        "address": one.address,
        "state": one.state,
        "reason": one.reason or ("" if device is None else device.reason),
        "release": None if device is None else device.current,
        "release_state": None if device is None or device.current is None else device.state,
        "since": None if device is None else device.since,
        "model_sha256": one.model_sha256,
        "rate_fps": None if device is None else device.rate_fps,
        "temperature_c": None if device is None else device.temperature_c,
        "drift": None if device is None else device.drift,
        "last_event": None if event is None else {"time": event.time, "what": event.what, "detail": event.detail},
        "metrics": one.metrics,
    }
