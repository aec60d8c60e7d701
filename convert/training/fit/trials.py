"""Trials of ``--quality best``: the fine-tuning with several settings, of which the best by calibrated loss is kept."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING

from edgevision.log import Log

from ..input.splits import Sets
from ..monitor.history import Epoch
from ..monitor.observer import TrainingObserver
from ..network.network import Network
from .checkpoint import State
from .epochs import Checkpointer, run_phase
from .phases import live_phase
from .plan import TrainPlan
from .time_budget import Length, TimeBudget
from .trial_engine import REDUCTION, Candidate, Engine
from .tried import FINISHED, KEPT, STOPPED, Tried

if TYPE_CHECKING:
    from .early_stopping import Losses

log = Log("edgevision.train")
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

    def run(self, state: State[Epoch], keeper: Checkpointer[Epoch]) -> None:
        """Run the trials of the next phase; afterwards ``state`` is that of the best, with the table of all.

        Raises ModuleNotFoundError without Optuna.
        """
        engine, start = Engine(self.plan, self.length.epochs, self.plan.seed), self.network.values()
        best, rows = None, list[Tried]()
        while len(rows) < MAX_TRIALS and (best is None or self._has_time(rows)):
            candidate = engine.next()
            if candidate is None:
                break
            self.network.assign(start)
            made = deepcopy(state)
            rows.append(self._trial(engine, candidate, made, len(rows) + 1))
            self.watcher.note(rows[-1].describe())
            if best is None or _loss(made) < _loss(best):
                best, rows = made, _kept(rows)
        if best is not None:
            for one in fields(State):
                setattr(state, one.name, getattr(best, one.name))
        state.tried = rows
        self.network.assign(state.kept_weights)
        keeper.keep(state, now=True)

    def _trial(self, engine: Engine, candidate: Candidate, state: State[Epoch], number: int) -> Tried:
        """Run a trial; changes ``state``."""
        plan = candidate.plan(self.plan)
        phase = live_phase(self.network, plan, self.sets.train, self.sets.val, scratch=plan.scratch)
        state.pace = [self.length]
        before, stopped = len(state.history), [False]

        def falls_behind(epoch: int, losses: Losses) -> bool:
            stopped[0] = engine.falls_behind(epoch, float(losses.mean()))
            return stopped[0]

        quiet = Checkpointer[Epoch](lambda _: None)
        targets = self.sets.val.targets
        run_phase(phase, self.network, targets, state, plan.seed, quiet, self.watcher, self.budget, falls_behind)
        engine.end(_loss(state), stopped[0])
        ran = state.history[before:]
        return Tried(
            number=number,
            learning_rate=plan.learning_rate,
            layer_decay=plan.layer_decay,
            fine_tune_blocks=plan.fine_tune_blocks,
            epochs=len(ran),
            seconds=round(sum(row.seconds for row in ran), 1),
            val_calibrated_loss=_loss(state),
            val_accuracy=ran[-1].val_accuracy or 0.0,
            result=STOPPED if stopped[0] else FINISHED,
        )

    def _has_time(self, rows: Sequence[Tried]) -> bool:
        """Return whether there is time for a trial up to its second comparison."""
        if self.budget is None:
            return True
        epoch_s = sum(row.seconds for row in rows) / max(1, sum(row.epochs for row in rows))
        return self.budget.left() > epoch_s * self.length.epochs / REDUCTION


def kept_plan(plan: TrainPlan, tried: Sequence[Tried]) -> TrainPlan:
    """Return the plan with the settings of the trial that was kept; the same plan without trials."""
    for row in tried:
        if row.result == KEPT:
            chosen = Candidate(row.learning_rate, row.layer_decay, row.fine_tune_blocks)
            return replace(chosen.plan(plan), search=False)
    return plan


def _loss(state: State[Epoch]) -> float:
    """Return the mean calibrated loss of the kept weights."""
    return float("inf") if state.selection.kept is None else state.selection.kept


def _kept(rows: Sequence[Tried]) -> list[Tried]:
    """Return the rows with the last as the one that is kept."""
    others = [replace(row, result=FINISHED) if row.result == KEPT else row for row in rows[:-1]]
    return [*others, replace(rows[-1], result=KEPT)]
