"""``edgevision deploy --inventory``: a canary first, the others in batches, and what became of each device."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edgevision.errors import EdgeVisionError, GateNotMet, RemoteUnreachable, RolledBack

from ..deploy.preflight import Check
from .ansible import AnsibleOptions, Ended, Event, failure, play, said

PLAYBOOK = "deploy.yml"
LOOK, RELEASE = "edgevision_info", "edgevision_release"
KEPT = ("confirmed", "unchanged", "planned")
TAKEN_BACK = ("reverted", "stopped")
UNTOUCHED = "untouched"


@dataclass(frozen=True, slots=True)
class FleetOptions:
    """What the devices of an inventory get, and how fast."""

    ansible: AnsibleOptions
    variables: Mapping[str, Any]
    """Variables of the role; they override those of the inventory."""
    canary: int = 1
    """Number of devices that come first; the others follow only if all of them keep the release."""
    serial: str = "25%"
    """Size of a batch of the others: a number, or a share in percent."""
    max_failures: float = 0
    """Largest share of a batch that may fail, in percent, without ending the deployment."""


@dataclass(slots=True)
class HostResult:
    """What became of one device."""

    host: str
    address: str
    """Where it was reached, as soon as it was; before that, its name."""
    state: str = UNTOUCHED
    """confirmed, unchanged, planned, reverted, stopped, refused, not_ready, failed, unreachable or untouched."""
    release: Mapping[str, Any] = field(default_factory=dict)
    """``from`` and ``to``."""
    reason: str = ""
    checks: list[Check] = field(default_factory=list)
    uploaded_bytes: int = 0
    rate_fps: Mapping[str, float | None] | None = None
    seconds: Mapping[str, float] = field(default_factory=dict)
    log: list[str] = field(default_factory=list)
    note: str = ""
    """What the new release does not have of the one before; empty if nothing."""
    canary: bool = False


@dataclass(frozen=True, slots=True)
class FleetResult:
    """What became of all devices."""

    inventory: Path
    dry_run: bool
    hosts: list[HostResult]
    seconds: float

    def counted(self, *states: str) -> list[HostResult]:
        """Return the devices in one of these states."""
        return [one for one in self.hosts if one.state in states]

    @property
    def error(self) -> EdgeVisionError | None:
        """The error that the command ends with; None if every device runs what it should."""
        if found := self.counted(*TAKEN_BACK):
            return RolledBack(f"{_named(found)} took the release back: {found[0].reason}{self._rest()}")
        if found := self.counted("failed", "refused"):
            return EdgeVisionError(f"{_named(found)} failed: {found[0].reason}{self._rest()}")
        if found := self.counted("not_ready"):
            return GateNotMet(f"{_named(found)} is not ready: {found[0].reason}{self._rest()}")
        if found := self.counted("unreachable"):
            return RemoteUnreachable(f"{_named(found)} cannot be reached: {found[0].reason}{self._rest()}")
        return None

    def _rest(self) -> str:
        rest = len(self.counted(UNTOUCHED))
        return f"; {rest} more left as they were" if rest else ""


def deploy(options: FleetOptions, step: Callable[[str], None]) -> FleetResult:
    """Bring the devices of an inventory to their release. ``step`` gets a line now and then. Raises EdgeVisionError."""
    began = time.monotonic()
    watch = Watch(step)
    variables = {
        "edgevision_canary": options.canary,
        "edgevision_serial": options.serial,
        "edgevision_max_failures": options.max_failures,
        "edgevision_command": [sys.executable, "-P", "-m", "edgevision"],
        **options.variables,
    }
    ended = play(PLAYBOOK, options.ansible, variables, watch.event)
    if not watch.hosts:
        raise failure(ended)
    watch.close(ended)
    return FleetResult(options.ansible.inventory, options.ansible.check, list(watch.hosts.values()), _since(began))


class Watch:
    """Turns events into the results of hosts, and into lines for whoever waits."""

    def __init__(self, step: Callable[[str], None]) -> None:
        self.hosts: dict[str, HostResult] = {}
        self._step, self._play = step, ""

    def event(self, event: Event) -> None:
        """Take one event of Ansible."""
        kind = event["event"]
        if kind == "play":
            self._play = str(event["play"])
        elif kind == "start":  # in the order of the inventory, unlike the results
            self.hosts.setdefault(str(event["host"]), HostResult(str(event["host"]), str(event["host"])))
            if event["task"] == RELEASE:
                self._step(f"{event['host']}: comparing, and installing what is new")
        elif kind in ("ok", "failed", "unreachable"):
            self._ended(kind, str(event["host"]), str(event["task"]), event["result"])

    def close(self, ended: Ended) -> None:
        """Raise EdgeVisionError for a failure that no host explains."""
        if ended.status != 0 and all(one.state in (*KEPT, UNTOUCHED) for one in self.hosts.values()):
            raise failure(ended)

    def _ended(self, kind: str, name: str, task: str, result: Mapping[str, Any]) -> None:
        host = self.hosts[name]
        host.canary = host.canary or self._play == "Canary"
        host.address = str(result.get("address") or host.address)
        if kind == "unreachable":
            host.state, host.reason = "unreachable", said(result)
        elif task == RELEASE:
            _take(host, result)
        elif kind == "failed":
            host.state, host.reason = "failed", said(result) or f"the task {task} failed"
        else:
            return
        self._step(f"{name}: {host.state}{f': {host.reason}' if host.reason else ''}")


def _take(host: HostResult, result: Mapping[str, Any]) -> None:
    """Fill in the result of the release task."""
    host.state = str(result.get("state", "failed"))
    host.reason = str(result.get("reason") or ("" if host.state in KEPT else said(result)))
    host.release = result.get("release") or {}
    host.checks = [
        Check(str(one["name"]), bool(one["ok"]), str(one["found"]), str(one["fix"])) for one in result.get("checks", [])
    ]
    host.uploaded_bytes = int(result.get("uploaded_bytes", 0))
    host.rate_fps, host.seconds = result.get("rate_fps"), result.get("seconds") or {}
    host.log = [str(line) for line in result.get("log", [])]
    host.note = str(result.get("note", ""))


def _named(hosts: list[HostResult]) -> str:
    rest = len(hosts) - 1
    return hosts[0].host + (f" and {rest} more" if rest else "")


def _since(began: float) -> float:
    return round(time.monotonic() - began, 2)
