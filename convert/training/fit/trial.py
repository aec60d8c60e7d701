"""A trial of ``--quality best``: the fine-tuning with the settings of one candidate, epoch by epoch."""

from __future__ import annotations

from dataclasses import dataclass

from ..input.batches import Examples
from ..monitor.history import Epoch
from ..monitor.observer import TrainingObserver
from ..network.network import Network
from .checkpoint import State
from .epochs import Checkpointer, PhaseRun
from .phases import live_phase
from .plan import TrainPlan
from .time_budget import Length, TimeBudget
from .trial_engine import Candidate
from .tried import FINISHED, STOPPED, Tried


@dataclass(frozen=True, slots=True)
class TrialEpoch:
    """What an epoch of a trial gave."""

    epoch: int
    """From 1 within the trial."""
    loss: float
    """Mean calibrated loss of the validation images."""
    row: Epoch
    """Line of the history."""


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """A trial that runs."""

    number: int
    """From 1."""
    plan: TrainPlan
    phase: PhaseRun
    before: int
    """Epochs of the history before the trial."""

    def epoch(self) -> TrialEpoch | None:
        """Run an epoch; return None if the trial is over."""
        if not self.phase.goes_on():
            return None
        row, losses = self.phase.epoch()
        return TrialEpoch(self.phase.state.epoch, float(losses.mean()), row)

    def end(self, stopped: bool) -> Tried:
        """End the trial, early if ``stopped``, and return its line of the table."""
        self.phase.end()
        ran = self.phase.state.history[self.before :]
        return Tried(
            number=self.number,
            learning_rate=self.plan.learning_rate,
            layer_decay=self.plan.layer_decay,
            fine_tune_blocks=self.plan.fine_tune_blocks,
            epochs=len(ran),
            seconds=round(sum(row.seconds for row in ran), 1),
            val_calibrated_loss=kept_loss(self.phase.state),
            val_accuracy=ran[-1].val_accuracy or 0.0,
            result=STOPPED if stopped else FINISHED,
        )


def open_trial(
    number: int,
    candidate: Candidate,
    base: TrainPlan,
    network: Network,
    train: Examples,
    val: Examples,
    state: State[Epoch],
    length: Length,
    watcher: TrainingObserver,
    budget: TimeBudget | None,
) -> Trial:
    """Prepare a trial that changes ``state``, which is that after the head. ``length``: that of the trial, if not stopped."""
    plan = candidate.plan(base)
    phase = live_phase(network, plan, train, val, scratch=plan.scratch)
    state.pace = [length]
    quiet = Checkpointer[Epoch](lambda _: None)
    run = PhaseRun(phase, network, val.targets, state, plan.seed, quiet, watcher, budget)
    return Trial(number, plan, run, len(state.history))


def kept_loss(state: State[Epoch]) -> float:
    """Return the mean calibrated loss of the kept weights; infinite if there are none."""
    return float("inf") if state.selection.kept is None else state.selection.kept
