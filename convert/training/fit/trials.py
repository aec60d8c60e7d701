"""Trials of ``--quality best``: the fine-tuning with several settings, of which the best by calibrated loss is kept."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass, field, fields, replace
from typing import Protocol

from ..input.splits import Sets
from ..monitor.history import Epoch
from ..monitor.observer import TrainingObserver
from ..network.network import Network
from .checkpoint import State
from .epochs import Checkpointer
from .plan import TrainPlan
from .time_budget import Length, TimeBudget
from .trial import kept_loss, open_trial
from .trial_engine import REDUCTION, Candidate, Engine
from .tried import FINISHED, KEPT, Tried

MAX_TRIALS = 12
EQUIVALENT_TRAININGS = 4
"""Whole trainings that MAX_TRIALS cost, since most are stopped at a ninth or a third."""


@dataclass(slots=True)
class Trials:
    """The trials of a training: all start from the same weights."""

    network: Network
    plan: TrainPlan
    sets: Sets
    watcher: TrainingObserver
    budget: TimeBudget | None
    length: Length
    """Length of a trial that is not stopped."""
    rows: list[Tried] = field(default_factory=list)
    """The trials that have ended."""
    best: State[Epoch] | None = None
    """State after the best of them."""

    def engine(self) -> Engine:
        """Return the engine that draws the settings. Raises ModuleNotFoundError without Optuna."""
        return Engine(self.plan, self.length.epochs, self.plan.seed)

    def has_room(self, begun: int) -> bool:
        """Return whether there is time for another trial after ``begun`` ones, up to its second comparison."""
        if begun >= MAX_TRIALS:
            return False
        if self.budget is None or not self.rows:
            return True
        epoch_s = sum(row.seconds for row in self.rows) / max(1, sum(row.epochs for row in self.rows))
        return self.budget.left() > epoch_s * self.length.epochs / REDUCTION

    def take(self, row: Tried, state: State[Epoch]) -> None:
        """Take in a trial that has ended, with the state after it."""
        self.rows.append(row)
        self.watcher.note(row.describe())
        if self.best is None or kept_loss(state) < kept_loss(self.best):
            self.best = state
            others = [replace(one, result=FINISHED) if one.result == KEPT else one for one in self.rows[:-1]]
            self.rows = [*others, replace(row, result=KEPT)]

    def keep_best(self, state: State[Epoch], keeper: Checkpointer[Epoch]) -> None:
        """Make ``state`` that of the best trial, with the table of all; the network gets its weights."""
        if self.best is not None:
            for one in fields(State):
                setattr(state, one.name, getattr(self.best, one.name))
        state.tried = sorted(self.rows, key=lambda row: row.number)
        self.network.assign(state.kept_weights)
        keeper.keep(state, now=True)


class Search(Protocol):
    """What runs the trials of a training."""

    @property
    def at_once(self) -> int:
        """Number of trials that run at the same time."""

    def run(self, trials: Trials, state: State[Epoch]) -> None:
        """Run the trials, which start from ``state``; it stays as it is."""


class OneByOne:
    """Search on this machine alone, one trial after another."""

    at_once = 1

    def run(self, trials: Trials, state: State[Epoch]) -> None:
        """See ``Search``."""
        engine, start = trials.engine(), trials.network.values()
        while trials.has_room(len(trials.rows)):
            candidate = engine.next()
            if candidate is None:
                break
            trials.network.assign(start)
            made = deepcopy(state)
            trials.take(self._trial(trials, engine, candidate, made), made)

    @staticmethod
    def _trial(trials: Trials, engine: Engine, candidate: Candidate, state: State[Epoch]) -> Tried:
        """Run a trial; changes ``state``."""
        number, sets, stopped = len(trials.rows) + 1, trials.sets, False
        trial = open_trial(
            number, candidate, trials.plan, trials.network, sets.train, sets.val, state, trials.length, trials.watcher,
            trials.budget,
        )  # fmt: skip
        while not stopped and (found := trial.epoch()) is not None:
            stopped = engine.falls_behind(candidate, found.epoch, found.loss)
        row = trial.end(stopped)
        engine.end(candidate, row.val_calibrated_loss, stopped)
        return row


def kept_plan(plan: TrainPlan, tried: Sequence[Tried]) -> TrainPlan:
    """Return the plan with the settings of the trial that was kept; the same plan without trials."""
    for row in tried:
        if row.result == KEPT:
            chosen = Candidate(row.learning_rate, row.layer_decay, row.fine_tune_blocks)
            return replace(chosen.plan(plan), search=False)
    return plan
