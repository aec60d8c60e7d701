"""The epoch loop: train, validate, keep the best weights, write checkpoints."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
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


def run_phase(
    phase: Phase,
    network: Network,
    targets: npt.NDArray[np.float32],
    state: State[Epoch],
    seed: int,
    keeper: Checkpointer[Epoch],
    watcher: TrainingObserver,
    budget: TimeBudget | None = None,
    stops: Callable[[int, Losses], bool] = lambda epoch, losses: False,
    team: Team = ALONE,
) -> None:
    """Run the rest of a phase, and shorten it if the budget would be exceeded. Changes ``state``.

    ``targets``: targets of the validation images, (n, outputs); ``stops``: called with the epoch, from 1, and the calibrated
    losses of the validation images; the phase ends if it returns True; ``team``: the machines that train together.
    """
    whole = phase.schedule.steps
    phase = phase.paced(state.pace)
    _restore(phase, network, state, team)
    log.info("phase %s: up to %d epochs, %s", phase.name, phase.schedule.epochs, phase.applied)
    took: list[float] = []
    while team.decide(_goes_on(phase, state)):
        begun = budget.clock() if budget else 0.0
        row, losses, values = _epoch(phase, network, targets, state, seed, watcher, team)
        state.history.append(row)
        state.epoch += 1
        state.weights = network.values()
        keep = state.selection.judge(losses, row.epoch)
        if keep:
            state.kept_weights = values
        watcher.end(row, keep)
        log.debug("epoch %d: learning rate %.2g, loss %.4f, %.1f s", row.epoch, row.lr, row.loss, row.seconds)
        state.optimizer = [v.numpy().copy() for v in phase.model.optimizer.variables]
        keeper.keep(state)
        if stops(state.epoch, losses):
            break
        if budget is not None and state.pace:
            took.append(budget.clock() - begun)
            phase = _within(budget, phase, state, took)
    log.info(
        "phase %s ended after %d epochs; the weights of epoch %d are kept",
        phase.name,
        state.epoch,
        state.selection.epoch,
    )
    # The next phase starts from the kept weights with a new optimizer.
    if state.kept_weights:
        network.assign(state.kept_weights)
    state.weights, state.optimizer = network.values(), []
    state.epochs = state.pace[0].epochs if len(state.pace) == 1 and state.pace[0].steps == whole else None
    state.phase, state.epoch, state.pace = state.phase + 1, 0, []
    state.selection.next_phase()
    keeper.keep(state, now=True)


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
