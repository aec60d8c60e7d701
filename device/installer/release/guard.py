"""Calls of the unit around each start of the service: a release that does not start is taken back, by the device alone.

    ExecStartPre   before_start: count the attempt, unless the releases are unreachable; after too many, or after a power
                   cut during a trial, go back
    ExecStartPost  ready: the service sent READY=1, so the count starts again
    ExecStopPost   ended: a start that failed only because there was no camera does not count

A release that was provisional in an earlier boot is reverted, since nobody watched it to the end: like an update of
Mender that was never committed.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from ..base.commands import BOOTED, run
from ..base.inside import inside
from ..base.loop import UNNAMED, Loop
from . import state as states
from .health import read_health
from .state import MAX_ATTEMPTS, ReleaseState
from .switch import boot_id, change, release_folder

log = logging.getLogger("edgevision.installer")
Systemctl = Callable[[Sequence[str]], str]


def before_start(root: Path, systemctl: Systemctl | None = None, loop: Loop = UNNAMED) -> str:
    """Count a start and decide which release starts; return what was decided, or nothing. Raises Refused, OSError."""
    systemctl = systemctl or _systemctl
    known = states.load(inside(root, loop.home))
    if known.current is None:
        return ""
    if not _are_there(root, known):
        return f"the release {known.current} is not there; this start does not count, and systemd repeats it"
    done = change(root, _decided, loop)
    if done.after.state == "stopped":
        systemctl(("--no-block", "stop", loop.unit))
        return f"stopped: {done.after.reason}"
    if done.unit_changed:
        # systemd has loaded the other release's unit for this start; the restart takes its place.
        systemctl(("daemon-reload",))
        systemctl(("--no-block", "restart", loop.unit))
    return done.after.reason if done.after.current != done.before.current else ""


def ready(root: Path, loop: Loop = UNNAMED) -> None:
    """Note that the service is ready. Raises Refused, OSError."""
    if states.load(inside(root, loop.home)).attempts:
        change(root, lambda state: replace(state, attempts=0), loop)


def ended(root: Path, environment: Mapping[str, str], runtime: Path, loop: Loop = UNNAMED) -> None:
    """Take an attempt back that says nothing about the release: it was stopped, or there was no camera.

    ``environment``: SERVICE_RESULT of systemd.exec(5). ``runtime``: folder of health.json. Raises Refused, OSError.
    """
    health = read_health(runtime)
    asked = environment.get("SERVICE_RESULT") == "success"
    blameless = asked or (health is not None and health.waiting_for is not None)
    if blameless and states.load(inside(root, loop.home)).attempts:
        change(root, lambda state: replace(state, attempts=max(0, state.attempts - 1)), loop)


def _are_there(root: Path, state: ReleaseState) -> bool:
    """Return whether there is a folder to start from; without one, the drive that holds the releases is not mounted yet."""
    names = [name for name in (state.current, state.previous) if name is not None]
    return any(release_folder(root, name).is_dir() for name in names)


def _decided(state: ReleaseState) -> ReleaseState:
    if state.state == "stopped":
        return state
    if state.state == "provisional" and state.boot_id != boot_id():
        return _back(state, "the device restarted before the release was confirmed")
    if state.attempts >= MAX_ATTEMPTS:
        return _back(state, f"the service failed to start {MAX_ATTEMPTS} times in a row")
    return replace(state, attempts=state.attempts + 1)


def _back(state: ReleaseState, reason: str) -> ReleaseState:
    if state.previous is not None and not state.is_bad(state.previous):
        return replace(state.reverted(reason), attempts=1)
    if state.state == "provisional" and state.attempts < MAX_ATTEMPTS:  # it may well work, and there is no other
        return replace(state, boot_id=boot_id(), attempts=state.attempts + 1)
    return state.stopped(f"{reason}; no other release is left")


def _systemctl(arguments: Sequence[str]) -> str:
    return run(["systemctl", *arguments], f"systemctl {arguments[0]}", Path("/")) if BOOTED.exists() else ""
