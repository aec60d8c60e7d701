"""Carry out requests. An update runs in a unit of its own, so that a lost connection or a killed process does not end it."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from ..base.atomic_files import place, place_text
from ..base.commands import BOOTED, run
from ..base.errors import Refused
from ..base.inside import inside
from ..base.regular_files import read_bytes
from ..base.status import Status, reason
from ..release import state as states
from ..release.first_answer import NotRunning
from ..release.health import read_raw
from ..release.install import MANAGER, InstallOptions, alone, prune
from ..release.outcome import Outcome
from ..release.switch import HOME, change, loops
from ..release.update import UpdateOptions, Updater
from . import sudoers
from .request import SCHEMA, Request, parse
from .update_unit import UPDATE_UNIT, start_updater

FOLDER = HOME / "update"
REQUEST, STATUS, OUTCOME = "request.json", "status.json", "outcome.json"
SYSTEM = Path("/")


def serve(data: bytes) -> dict[str, Any]:
    """Carry out one request and return what to print. Raises Refused, NotRunning, OSError."""
    request = parse(data)
    if request.verb not in ("update", "allow") and request.loop not in (known := loops(SYSTEM)):
        there = ", ".join(loop.service for loop in known)
        raise Refused(f"no loop {request.loop.service} on this device; it has {there}")
    return ACTIONS[request.verb](request, data)


def run_update() -> None:
    """Carry out the update that was requested; its end is in outcome.json. Raises nothing: systemd would start it again."""
    folder = inside(SYSTEM, FOLDER)
    status = Status(folder / STATUS)
    try:
        request = parse(read_bytes(folder / REQUEST))
        assert request.bundle is not None
        install = InstallOptions(request.bundle, trust=request.trust)
        outcome = Updater(status, loop=request.loop).update(UpdateOptions(install, request.trial, request.share))
    except (Refused, NotRunning, OSError) as error:
        said = reason(error) if isinstance(error, OSError) else str(error)
        status.failed(said)
        place_text(folder / OUTCOME, json.dumps({"schema": "edgevision.update/1", "state": "refused", "reason": said}))
        return
    _save(outcome, folder, status)


def _update(request: Request, data: bytes) -> dict[str, Any]:
    """Start the update and return at once."""
    if not BOOTED.exists():
        raise Refused("the device does not run systemd, which an update needs")
    assert request.bundle is not None
    if not request.bundle.is_file():
        raise Refused(f"no bundle at {request.bundle}; it was not uploaded, or removed")
    home = inside(SYSTEM, HOME)
    folder = inside(SYSTEM, FOLDER)
    folder.mkdir(parents=True, exist_ok=True)
    with alone(home):
        (folder / OUTCOME).unlink(missing_ok=True)
        place(folder / REQUEST, data, 0o600)
        Status(folder / STATUS, quiet=True).step("check", "starting the update")
        if not (home / MANAGER).is_file():  # first contact: this is the installer of the bundle
            place(home / MANAGER, read_bytes(Path(sys.argv[0])), 0o755)
    start_updater(SYSTEM)
    return {"started": UPDATE_UNIT}


def _rollback(request: Request, data: bytes) -> dict[str, Any]:
    folder = inside(SYSTEM, FOLDER)
    folder.mkdir(parents=True, exist_ok=True)
    status = Status(folder / STATUS, quiet=True)
    outcome = Updater(status, loop=request.loop).roll_back(SYSTEM, "rolled back on request")
    _save(outcome, folder, status)
    return outcome.to_json()


def _save(outcome: Outcome, folder: Path, status: Status) -> None:
    outcome.save(folder / OUTCOME)
    status.ok(outcome.describe())


def _start(request: Request, data: bytes) -> dict[str, Any]:
    """Start the service; one that was stopped because no release worked gets another chance."""
    unit = request.loop.unit
    change(SYSTEM, lambda state: state.again(), request.loop)
    with suppress(Refused):  # the unit is not loaded while it is stopped
        run(["systemctl", "reset-failed", unit], "systemctl reset-failed", SYSTEM)
    run(["systemctl", "enable", "--quiet", unit], "systemctl enable", SYSTEM)
    run(["systemctl", "start", unit], "starting the service (see edgevision deploy logs)", SYSTEM)
    return {"started": unit}


def _stop(request: Request, data: bytes) -> dict[str, Any]:
    run(["systemctl", "disable", "--quiet", "--now", request.loop.unit], "stopping the service", SYSTEM)
    return {"stopped": request.loop.unit}


def _prune(request: Request, data: bytes) -> dict[str, Any]:
    home = inside(SYSTEM, HOME)
    with alone(home):
        state = states.load(inside(SYSTEM, request.loop.home))
        if state.state == "provisional":
            raise Refused("a new release is on trial; wait until it is decided")
        if state.previous is not None:
            change(SYSTEM, lambda state: state.without_previous(), request.loop)
        return {"removed": prune(SYSTEM, request.loop)}


def _allow(request: Request, data: bytes) -> dict[str, Any]:
    if request.user is None:
        raise Refused("the request names no user")
    if not inside(SYSTEM, HOME / MANAGER).is_file():
        raise Refused("nothing is installed yet")
    return {"file": str(sudoers.allow(SYSTEM, request.user)), "line": sudoers.line(request.user)}


def _health(request: Request, data: bytes) -> dict[str, Any]:
    """Return what the running loop says about itself; only root can read it."""
    return {"health": read_raw(request.loop.runtime)}


ACTIONS: dict[str, Callable[[Request, bytes], dict[str, Any]]] = {
    "update": _update,
    "rollback": _rollback,
    "start": _start,
    "stop": _stop,
    "prune": _prune,
    "allow": _allow,
    "health": _health,
}
__all__ = ["SCHEMA", "run_update", "serve"]
