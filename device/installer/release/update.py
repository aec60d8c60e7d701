"""Update a running device: install beside, switch, try, and keep the release or take it back.

Nothing here depends on whoever asked for it: the connection may break after the first step. A process that was killed
continues where it was when it is started again; after a power cut, the guard of the next start decides.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from ..base.errors import Refused
from ..base.inside import inside
from ..base.loop import UNNAMED, Loop
from ..base.status import Status
from . import state as states
from .first_answer import NotRunning, Starter
from .health import Health, read_health
from .install import InstallOptions, alone, finish, staged, switch
from .outcome import Outcome
from .service import place_service
from .service_state import Ask, ask_system, look, tail
from .state import ReleaseState
from .switch import HOME, Change, boot_id, change, release_folder
from .taught import left_behind
from .trial import Trial, TrialOptions, Verdict

log = logging.getLogger("edgevision.installer")
SHARE = 0.8
"""Lowest rate of a new release, as a share of the old one's."""
TAIL = 20
"""Lines of the journal that explain why a release was taken back."""

Try = Callable[[TrialOptions], Verdict]


@dataclass(frozen=True, slots=True)
class UpdateOptions:
    """An update, and what the new release has to show."""

    install: InstallOptions
    trial: TrialOptions = TrialOptions()
    share: float = SHARE
    """Without ``trial.min_fps``: lowest rate as a share of the rate before; 0: any."""


class Updater:
    """Update a loop of the device with the root ``/``, or another one in tests."""

    def __init__(
        self,
        status: Status,
        ask: Ask | None = None,
        health: Callable[[], Health | None] | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        attempt: Try | None = None,
        loop: Loop = UNNAMED,
    ) -> None:
        """Prepare; ``clock``: monotonic, in seconds; ``attempt``: runs a trial, None: as ``Trial`` does."""
        self._status = status
        self._ask, self._health = ask or ask_system, health or (lambda: read_health(loop.runtime))
        self._loop = loop
        self._clock, self._sleep = clock, sleep
        self._since = 0.0
        """Start of the trial in seconds since 1970."""
        self._try = attempt or (lambda wanted: Trial(wanted, self._ask, health, clock, sleep, loop).watch())

    def update(self, wish: UpdateOptions) -> Outcome:
        """Install a bundle and keep it if it passes its trial. Raises Refused, OSError, with nothing changed."""
        root = wish.install.root
        before = states.load(inside(root, self._loop.home))
        if before.state == "provisional" and before.boot_id == boot_id():
            return self.resume(root, wish.trial)
        began, rate = self._clock(), self._rate()
        with staged(wish.install, self._status, self._loop) as release:
            seconds = {"install": self._clock() - began}
            if release.name == before.current and before.state == "confirmed" and look(self._ask, self._loop).ready:
                finish(root, release.folder, release.number, self._loop)
                return Outcome("unchanged", release.name, release.name, seconds, rate, rate)
            switch(release, "provisional", self._status, _floor(wish, rate))
            return self._decided(root, wish.trial, seconds, before.current, rate)

    def resume(self, root: Path, trial: TrialOptions) -> Outcome:
        """Continue the trial of a release that was switched to by a process that did not end. Raises Refused, OSError."""
        with alone(inside(root, HOME)):
            state = self._change(root, lambda state: state)  # completes an interrupted switch
            return self._decided(root, trial, {}, state.previous, None)

    def roll_back(self, root: Path, reason: str) -> Outcome:
        """Go back to the previous release. Raises Refused if there is none, OSError."""
        with alone(inside(root, HOME)):
            state = states.load(inside(root, self._loop.home))
            if state.previous is None or state.current is None:
                raise Refused("there is no previous release to go back to")
            return self._back(
                root, state.current, Outcome("reverted", state.previous, state.current, {}, reason=reason)
            )

    def _decided(
        self, root: Path, trial: TrialOptions, seconds: dict[str, float], old: str | None, rate: float | None
    ) -> Outcome:
        """Start the provisional release, watch it, and confirm it or take it back."""
        state = states.load(inside(root, self._loop.home))
        assert state.current is not None
        release = release_folder(root, state.current)
        place_service(root, release, False, self._loop)
        began = self._clock()
        verdict = self._tried(replace(trial, min_fps=state.floor_fps))
        seconds = {**seconds, "trial": self._clock() - began}
        outcome = Outcome("confirmed", old, release.name, seconds, rate, verdict.rate_fps, verdict.reason)
        if not verdict.passed:
            return self._back(root, release.name, outcome)
        after = self._change(root, lambda now: now.confirmed() if now.current == release.name else now)
        if after.current != release.name:  # the guard of the unit was faster
            return replace(outcome, state="reverted", reason=after.reason)
        finish(root, release, state.number, self._loop)
        return replace(outcome, note=left_behind(root, old, release.name, self._loop))

    def _tried(self, wanted: TrialOptions) -> Verdict:
        self._status.step("trial", _described(wanted))
        self._since = time.time()
        self._ask(("systemctl", "daemon-reload"))
        with suppress(Refused):  # the unit may not be loaded yet
            self._ask(("systemctl", "reset-failed", self._loop.unit))
        self._ask(("systemctl", "--no-block", "restart", self._loop.unit))
        return self._try(wanted)

    def _back(self, root: Path, failed: str, outcome: Outcome) -> Outcome:
        """Go back to the release before, start it, and say what happened."""
        lines = tuple(tail(self._ask, TAIL, self._since, self._loop))
        self._status.step("revert", f"{outcome.reason}; going back to {outcome.before or 'nothing: it was the first'}")
        began = self._clock()

        def back(state: ReleaseState) -> ReleaseState:
            if state.current != failed:  # the guard of the unit was faster
                return state
            return state.reverted(outcome.reason) if state.previous else state.stopped(outcome.reason)

        after = self._change(root, back)
        stopped = after.state == "stopped" or after.current is None
        if stopped or after.current is None:
            self._ask(("systemctl", "stop", self._loop.unit))
        else:
            place_service(root, release_folder(root, after.current), False, self._loop)
            self._start()
        seconds = {**outcome.seconds, "revert": self._clock() - began}
        return replace(outcome, state="stopped" if stopped else "reverted", seconds=seconds, log=lines)

    def _change(self, root: Path, how: Change) -> ReleaseState:
        return change(root, how, self._loop).after

    def _start(self) -> None:
        try:
            Starter(self._ask, self._clock, self._sleep, self._loop).start()
        except NotRunning as error:
            self._status.note(f"revert: {error}")

    def _rate(self) -> float | None:
        """Return the rate of the running loop; None if it does not run or does not say."""
        found = self._health()
        return None if found is None else found.rate_fps


def _floor(wish: UpdateOptions, rate: float | None) -> float | None:
    if wish.trial.min_fps is not None:
        return wish.trial.min_fps
    return None if rate is None or not wish.share else rate * wish.share


def _described(wanted: TrialOptions) -> str:
    floor = "" if wanted.min_fps is None else f", at least {wanted.min_fps:.1f} a second"
    return f"the release has to recognize {wanted.frames} frames within {wanted.within_s:g} s{floor}"
