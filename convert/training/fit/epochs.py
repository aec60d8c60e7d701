"""The epoch loop: train, validate, keep the best weights, write checkpoints."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic

import numpy as np

from edgevision.log import Log

from ..cluster.team import ALONE, Team
from ..input.augmentation import reseed
from ..monitor.history import Epoch, Row
from ..monitor.observer import TrainingObserver
from ..network.network import Network
from .checkpoint import State
from .early_stopping import is_perfect
from .phases import Phase
from .temperature_scaling import calibrated_losses
from .time_budget import Length, TimeBudget

if TYPE_CHECKING:
    import numpy.typing as npt

    from .early_stopping import Losses

    Arrays = list[npt.NDArray[Any]]
    Floats = npt.NDArray[np.float32]

log = Log("edgevision.train")
EPOCH_STREAM = 7002
"""Seed component that separates the random numbers of the epochs from those of the copies."""
CHECKPOINT_SECONDS = 5.0
"""Minimum time between checkpoints in seconds: epochs of a fraction of a second are quickly repeated."""


@dataclass(slots=True)
class Checkpointer(Generic[Row]):
    """Checkpoint writer that limits how often it writes."""

    write: Callable[[State[Row]], None]
    clock: Callable[[], float] = time.monotonic
    last: float = -math.inf

    def keep(self, state: State[Row], now: bool = False) -> None:
        """Write the state if enough time has passed, or at once if ``now``."""
        if now or self.clock() - self.last >= CHECKPOINT_SECONDS:
            self.write(state)
            self.last = self.clock()


@dataclass(slots=True)
class PhaseRun:
    """The rest of a phase, epoch by epoch. Changes the state."""

    phase: Phase
    network: Network
    targets: Floats
    """Targets of the validation images, (n, outputs)."""
    state: State[Epoch]
    seed: int
    keeper: Checkpointer[Epoch]
    watcher: TrainingObserver
    budget: TimeBudget | None = None
    team: Team = ALONE
    """The machines that train together."""
    _whole: int = 0
    """Steps per epoch without a time budget."""
    _took: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Set network and optimizer as the state has them."""
        self._whole = self.phase.schedule.steps
        self.phase = self.phase.paced(self.state.pace)
        _restore(self.phase, self.network, self.state, self.team)
        log.info("phase %s: up to %d epochs, %s", self.phase.name, self.phase.schedule.epochs, self.phase.applied)

    def goes_on(self) -> bool:
        """Return whether another epoch follows; shorten the phase if the budget would be exceeded."""
        if self.budget is not None and self.state.pace and self._took:
            self.phase = _within(self.budget, self.phase, self.state, self._took)
        return self.team.decide(_goes_on(self.phase, self.state))

    def epoch(self) -> tuple[Epoch, Losses]:
        """Run an epoch; return its line of history and the calibrated losses of the validation images, (n,)."""
        state = self.state
        begun = self.budget.clock() if self.budget else 0.0
        row, losses, values = _epoch(self.phase, self.network, self.targets, state, self.seed, self.watcher, self.team)
        state.history.append(row)
        state.epoch += 1
        state.weights = self.network.values()
        keep = state.selection.judge(losses, row.epoch)
        if keep:
            state.kept_weights = values
        self.watcher.end(row, keep)
        log.debug("epoch %d: learning rate %.2g, loss %.4f, %.1f s", row.epoch, row.lr, row.loss, row.seconds)
        state.optimizer = [v.numpy().copy() for v in self.phase.model.optimizer.variables]
        self.keeper.keep(state)
        if self.budget is not None and state.pace:
            self._took.append(self.budget.clock() - begun)
        return row, losses

    def end(self) -> None:
        """End the phase: network and state have the kept weights, from which the next phase starts."""
        state = self.state
        kept = state.selection.epoch
        log.info("phase %s ended after %d epochs; the weights of epoch %d are kept", self.phase.name, state.epoch, kept)
        if state.kept_weights:
            self.network.assign(state.kept_weights)
        # The next phase has a new optimizer.
        state.weights, state.optimizer = self.network.values(), []
        planned = len(state.pace) == 1 and state.pace[0].steps == self._whole
        state.epochs = state.pace[0].epochs if planned else None
        state.phase, state.epoch, state.pace = state.phase + 1, 0, []
        state.selection.next_phase()
        self.keeper.keep(state, now=True)


def run_phase(run: PhaseRun) -> None:
    """Run the rest of a phase to its end."""
    while run.goes_on():
        run.epoch()
    run.end()


def _within(budget: TimeBudget, phase: Phase, state: State[Epoch], took: list[float]) -> Phase:
    """Return the phase, shortened if the epochs so far, which ``took`` so many seconds, were too slow for the budget."""
    left = phase.schedule.epochs - state.epoch
    if left <= 0:
        return phase
    # The first epoch also compiles.
    typical = float(np.mean(took[1:] or took))
    fits = budget.remaining(left, typical)
    if fits == left:
        return phase
    log.info("epochs take %.1f s: %d more instead of %d", typical, fits, left)
    state.pace.append(Length(state.epoch + fits, phase.schedule.steps, state.epoch))
    return phase.paced(state.pace[-1:])


def _goes_on(phase: Phase, state: State[Epoch]) -> bool:
    """Return whether another epoch of the phase can improve the network."""
    left = state.epoch < phase.schedule.epochs and state.selection.waited < phase.patience
    # Averaged weights need the end of the schedule, where the learning rate is low.
    ends_early = phase.average is None and state.epoch > 0
    return left and not (ends_early and is_perfect(state.history, phase.name))


def _epoch(
    phase: Phase,
    network: Network,
    targets: npt.NDArray[np.float32],
    state: State[Epoch],
    seed: int,
    watcher: TrainingObserver,
    team: Team,
) -> tuple[Epoch, Losses, Arrays]:
    """Run one epoch; return its line of history, the calibrated losses of the validation images, (n,), and the weights.

    The weights are averaged over the last steps if the phase does so.
    """
    started = time.monotonic()
    # All randomness depends only on the seed and the epoch number, so that a resumed run repeats the epoch exactly.
    reseed(phase.model, seed, EPOCH_STREAM, state.phase, state.epoch)
    random = np.random.default_rng([seed, EPOCH_STREAM, state.phase, state.epoch])
    watcher.begin(phase.name, state.epoch + 1, phase.schedule.epochs, phase.schedule.steps)
    loss, accuracy = team.fit(phase, phase.order(random, phase.schedule.steps), watcher.step)
    logits, values = _validated(phase, network, len(targets), team)
    losses, right = network.goal.measure(targets, logits, phase.smoothing)
    row = Epoch(
        epoch=len(state.history) + 1,
        phase=phase.name,
        seconds=round(time.monotonic() - started, 3),
        lr=float(phase.model.optimizer.learning_rate),
        loss=loss,
        accuracy=accuracy,
        val_loss=float(losses.mean()) if len(losses) else None,
        val_accuracy=float(right.mean()) if len(right) else None,
        applied=phase.applied,
    )
    return row, calibrated_losses(network.goal, targets, logits), values


def _validated(phase: Phase, network: Network, count: int, team: Team) -> tuple[Floats, Arrays]:
    """Return the logits of the ``count`` validation images, (n, outputs), and the weights that gave them."""
    if phase.average is None:
        return team.rows(count, phase.logits), network.values()
    weights = network.values()
    for variable, value in zip(phase.model.trainable_variables, phase.average(), strict=True):
        variable.assign(value)
    logits, averaged = team.rows(count, phase.logits), network.values()
    network.assign(weights)
    return logits, averaged


def _restore(phase: Phase, network: Network, state: State[Epoch], team: Team) -> None:
    """Set network and optimizer as the checkpoint has them, and the network of each machine as the chief's."""
    if state.weights:
        network.assign(state.weights)
    if team.size > 1:
        network.assign(team.share(network.values()))
    if state.optimizer:
        for variable, value in zip(phase.model.optimizer.variables, state.optimizer, strict=True):
            variable.assign(value)
