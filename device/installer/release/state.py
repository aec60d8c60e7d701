"""state.json: which release is current, whether it has proved itself, and which ones failed.

    /opt/edgevision/state.json    written before and after every switch, so that a power cut at any point can be resolved

A release that a deployment switched to is *provisional* until it has recognized frames for a while. Whoever finds it
provisional in a later boot knows that nobody is watching any more, and takes the change back.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from ..archive.manifest import RELEASE_ID
from ..base import strict_json
from ..base.atomic_files import place_text
from ..base.regular_files import read_bytes

FILE = "state.json"
SCHEMA = "edgevision.state/1"
MAX_BAD = 20
"""Failed releases that are remembered; older ones are forgotten first."""
MAX_ATTEMPTS = 5
"""Failed starts in a row after which a release is bad."""

Stage = Literal["confirmed", "provisional", "reverted", "stopped"]
STAGES: tuple[Stage, ...] = ("confirmed", "provisional", "reverted", "stopped")


@dataclass(frozen=True, slots=True)
class BadRelease:
    """A release that failed on this device."""

    release: str
    reason: str
    at: str
    """Time of the failure, RFC 3339 in UTC."""


@dataclass(frozen=True, slots=True)
class ReleaseState:
    """What is known about the releases of a device."""

    current: str | None = None
    previous: str | None = None
    """Release to go back to; None: there is none."""
    state: Stage = "confirmed"
    """``reverted``: the current release is the one before the last deployment; ``stopped``: no release works."""
    attempts: int = 0
    """Starts of the service since it was last ready."""
    boot_id: str | None = None
    """Boot in which a provisional release was switched to."""
    floor_fps: float | None = None
    """Lowest rate of a provisional release in frames per second; None: any."""
    number: int | None = None
    """Release number to remember once a signed provisional release stays; None: it is not signed."""
    since: str | None = None
    """Time at which the current release was switched to, RFC 3339 in UTC."""
    confirmed_at: str | None = None
    """Time at which it had proved itself, RFC 3339 in UTC; None: not yet."""
    reason: str = ""
    """Why the last deployment was taken back, or the service stopped; one line."""
    bad: tuple[BadRelease, ...] = ()

    def is_bad(self, release: str | None) -> bool:
        """Return whether a release failed on this device."""
        return any(one.release == release for one in self.bad)

    def switched(self, release: str, stage: Stage, boot_id: str | None) -> ReleaseState:
        """Return the state with another current release; the one before becomes the one to go back to, unless it is bad."""
        if release == self.current:
            before = self.previous
        else:
            before = self.previous if self.current is None or self.is_bad(self.current) else self.current
        return ReleaseState(
            current=release,
            previous=before if before != release else None,
            state=stage,
            boot_id=boot_id,
            since=now(),
            confirmed_at=now() if stage == "confirmed" else None,
            bad=tuple(one for one in self.bad if one.release != release),
        )

    def confirmed(self) -> ReleaseState:
        """Return the state after the current release has proved itself."""
        return replace(self, state="confirmed", attempts=0, confirmed_at=now(), reason="", floor_fps=None, number=None)

    def reverted(self, reason: str) -> ReleaseState:
        """Return the state after going back to the previous release; the current one is bad from now on."""
        return ReleaseState(
            current=self.previous,
            state="reverted",
            since=now(),
            confirmed_at=now(),
            reason=reason,
            bad=self._with_bad(reason),
        )

    def stopped(self, reason: str) -> ReleaseState:
        """Return the state after the current release failed and there is none to go back to."""
        return replace(self, state="stopped", reason=reason, bad=self._with_bad(reason))

    def again(self) -> ReleaseState:
        """Return the state for a start on request: a release that was stopped gets another chance."""
        return replace(self, state="confirmed" if self.state == "stopped" else self.state, attempts=0, reason="")

    def without_previous(self) -> ReleaseState:
        """Return the state without a release to go back to."""
        return replace(self, previous=None)

    def save(self, home: Path) -> None:
        """Write state.json. Raises OSError."""
        place_text(home / FILE, json.dumps({"schema": SCHEMA, **asdict(self)}, indent=1) + "\n")

    def _with_bad(self, reason: str) -> tuple[BadRelease, ...]:
        if self.current is None:
            return self.bad
        others = [one for one in self.bad if one.release != self.current]
        return (*others, BadRelease(self.current, reason, now()))[-MAX_BAD:]


def load(home: Path) -> ReleaseState:
    """Read state.json; a missing or damaged file gives what the link to the current release says."""
    try:
        value = strict_json.loads(read_bytes(home / FILE))
        return _parsed(value)
    except (OSError, ValueError, KeyError, TypeError):
        return ReleaseState(current=linked(home))


def linked(home: Path) -> str | None:
    """Return the name of the release that the link ``current`` leads to; None without one."""
    link = home / "current"
    try:
        name = link.readlink().name
    except OSError:
        return None
    return name if RELEASE_ID.fullmatch(name) else None


def now() -> str:
    """Return the time, RFC 3339 in UTC, to the second."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _parsed(value: Any) -> ReleaseState:
    if value["schema"] != SCHEMA or value["state"] not in STAGES:
        raise ValueError("another schema or state")
    bad = tuple(BadRelease(str(one["release"]), str(one["reason"]), str(one["at"])) for one in value["bad"])
    return ReleaseState(
        current=_release(value["current"]),
        previous=_release(value["previous"]),
        state=value["state"],
        attempts=max(0, int(value["attempts"])),
        boot_id=_text(value["boot_id"]),
        floor_fps=None if value["floor_fps"] is None else float(value["floor_fps"]),
        number=None if value["number"] is None else int(value["number"]),
        since=_text(value["since"]),
        confirmed_at=_text(value["confirmed_at"]),
        reason=str(value["reason"]),
        bad=bad,
    )


def _release(value: Any) -> str | None:
    if value is not None and not RELEASE_ID.fullmatch(value):
        raise ValueError("not a release")
    return value if value is None else str(value)


def _text(value: Any) -> str | None:
    return None if value is None else str(value)
