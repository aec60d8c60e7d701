"""Search on several machines: each runs a trial, and the one that is done gets the next."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from edgevision.errors import RemoteUnreachable

from ..fit.checkpoint import State
from ..fit.trial import TrialEpoch
from ..fit.trial_engine import Candidate, Engine
from ..fit.trials import Trials
from ..fit.tried import STOPPED
from ..monitor.history import Epoch
from .messages import Answer, Begin, End, Ended, GoOn, Lost, Machines, Over, Prepare, Ready

LIVES = 2
"""Machines that a trial may lose before it is left out: it may be what breaks them."""


@dataclass(slots=True)
class _Job:
    """A trial and what became of it so far."""

    number: int
    candidate: Candidate
    lost: list[str] = field(default_factory=list)
    """Names of the machines that were lost with it."""


@dataclass(slots=True)
class ParallelSearch:
    """Search whose trials run on several machines at once."""

    open_machines: Callable[[Trials, State[Epoch]], Machines]
    """Function that gives the machines what the trials have in common, and the state that they start from."""
    at_once: int
    """See ``Search``: the number of machines."""
    again: str
    """What to do when the machines are lost."""

    def run(self, trials: Trials, state: State[Epoch]) -> None:
        """See ``Search``. Raises RemoteUnreachable if no machine is left before a trial has ended, or the cluster is lost."""
        try:
            _Round(trials, trials.engine(), self.open_machines(trials, state)).run()
        except RemoteUnreachable as error:
            raise RemoteUnreachable(f"{error}; {self.again}") from None


@dataclass(slots=True)
class _Round:
    """The trials of a training, as they are handed out."""

    trials: Trials
    engine: Engine
    machines: Machines
    _begun: int = 0
    _waiting: deque[_Job] = field(default_factory=deque)
    """Trials that lost their machine."""
    _idle: list[int] = field(default_factory=list)
    _busy: dict[int, _Job | None] = field(default_factory=dict)
    """Machine -> its trial; None while it prepares."""
    _no_more: bool = False

    def run(self) -> None:
        """Run all trials."""
        for machine in range(len(self.machines.names)):
            self._busy[machine] = None
            self.machines.ask(machine, Prepare())
        while True:
            self._hand_out()
            if not self._busy and not self._idle and self._may_begin():
                self._none_left()
                return
            if not any(self._busy.values()) and not self._may_begin():
                return
            found = self.machines.answer()
            if found is not None:
                self._take(*found)

    def _none_left(self) -> None:
        """Go on with what was found. Raises RemoteUnreachable if this is nothing."""
        if self.trials.best is None:
            raise RemoteUnreachable("all machines were lost before a trial ended")
        self.trials.watcher.note("all machines were lost; going on with the best of the trials that have ended")

    def _may_begin(self) -> bool:
        """Return whether there is a trial to begin."""
        return bool(self._waiting) or (not self._no_more and self.trials.has_room(self._begun))

    def _hand_out(self) -> None:
        """Give each idle machine a trial."""
        while self._idle and self._may_begin():
            job = self._next()
            if job is None:
                return
            machine = self._idle.pop(0)
            self._busy[machine] = job
            budget = self.trials.budget
            left_s = None if budget is None else max(0.0, budget.left())
            self.machines.ask(machine, Begin(job.number, job.candidate, left_s))

    def _next(self) -> _Job | None:
        if self._waiting:
            return self._waiting.popleft()
        candidate = self.engine.next()
        if candidate is None:
            self._no_more = True
            return None
        self._begun += 1
        return _Job(self._begun, candidate)

    def _take(self, machine: int, answer: Answer) -> None:
        """Take in the answer of a machine."""
        job = self._busy[machine]
        match answer:
            case Lost():
                del self._busy[machine]
                self._lost(self.machines.names[machine], job, answer.reason)
            case Ready():
                del self._busy[machine]
                self._idle.append(machine)
            case Ended() if job is not None:
                del self._busy[machine]
                self._idle.append(machine)
                self.engine.end(job.candidate, answer.row.val_calibrated_loss, answer.row.result == STOPPED)
                self.trials.take(answer.row, answer.state)
            case Over():
                self.machines.ask(machine, End(stopped=False))
            case TrialEpoch() if job is not None:
                self.trials.watcher.trial_epoch(job.number, self.machines.names[machine], answer.row)
                behind = self.engine.falls_behind(job.candidate, answer.epoch, answer.loss)
                self.machines.ask(machine, End(stopped=True) if behind else GoOn())

    def _lost(self, name: str, job: _Job | None, reason: str) -> None:
        """Begin a trial that lost its machine on another one, or leave it out."""
        note = self.trials.watcher.note
        if job is None:
            note(f"machine {name} was lost ({reason}); the others go on")
            return
        job.lost.append(name)
        if len(job.lost) < LIVES:
            note(f"trial {job.number} lost its machine {name} ({reason}); it begins again on another")
            self._waiting.append(job)
        else:
            note(f"trial {job.number} was lost on {' and '.join(job.lost)} ({reason}); it is left out")
            self.engine.drop(job.candidate)
