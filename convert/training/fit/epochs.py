"""The epoch loop: train, validate, keep the best weights, write checkpoints."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic

import numpy as np

from edgevision.log import Log

from ... import backend
from ..input.augmentation import reseed
from ..monitor.history import Epoch, Row
from ..monitor.observer import TrainingObserver
from ..network.network import Network
from .checkpoint import State
from .early_stopping import is_perfect
from .phases import Phase

if TYPE_CHECKING:
    import numpy.typing as npt

    from .early_stopping import Losses

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
) -> None:
    """Run the rest of a phase. Changes ``state``.

    ``targets``: targets of the validation images, (n, outputs).
    """
    _restore(phase, network, state)
    log.info("phase %s: up to %d epochs, %s", phase.name, phase.schedule.epochs, phase.applied)
    while _goes_on(phase, state):
        row, losses = _epoch(phase, network, targets, state, seed, watcher)
        state.history.append(row)
        state.epoch += 1
        state.weights = network.values()
        keep = state.selection.judge(losses, row.epoch)
        if keep:
            state.kept_weights = state.weights
        watcher.end(row, keep)
        log.debug("epoch %d: learning rate %.2g, loss %.4f, %.1f s", row.epoch, row.lr, row.loss, row.seconds)
        state.optimizer = [v.numpy().copy() for v in phase.model.optimizer.variables]
        keeper.keep(state)
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
    state.phase, state.epoch, state.selection.waited = state.phase + 1, 0, 0
    keeper.keep(state, now=True)


def _goes_on(phase: Phase, state: State[Epoch]) -> bool:
    """Return whether another epoch of the phase can improve the network."""
    left = state.epoch < phase.schedule.epochs and state.selection.waited < phase.patience
    return left and not (state.epoch and is_perfect(state.history, phase.name))


def _epoch(
    phase: Phase,
    network: Network,
    targets: npt.NDArray[np.float32],
    state: State[Epoch],
    seed: int,
    watcher: TrainingObserver,
) -> tuple[Epoch, Losses]:
    """Run one epoch; return its line of history and the losses of the validation images, (n,)."""
    started = time.monotonic()
    # All randomness depends only on the seed and the epoch number, so that a resumed run repeats the epoch exactly.
    reseed(phase.model, seed, EPOCH_STREAM, state.phase, state.epoch)
    random = np.random.default_rng([seed, EPOCH_STREAM, state.phase, state.epoch])
    watcher.begin(phase.name, state.epoch + 1, phase.schedule.epochs, phase.schedule.steps)
    logs = phase.model.fit(
        phase.data(random), epochs=1, verbose=0, shuffle=False, callbacks=[_reporter(watcher)]
    ).history
    loss, accuracy = float(logs["loss"][0]), float(logs["accuracy"][0])
    losses, right = network.goal.measure(targets, phase.validate(), phase.smoothing)
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
    return row, losses


def _restore(phase: Phase, network: Network, state: State[Epoch]) -> None:
    if state.weights:
        network.assign(state.weights)
    if state.optimizer:
        for variable, value in zip(phase.model.optimizer.variables, state.optimizer, strict=True):
            variable.assign(value)


def _reporter(watcher: TrainingObserver) -> Any:
    """Return a Keras callback that forwards loss and accuracy after each batch."""

    def step(batch: int, logs: Any) -> None:
        watcher.step(float(logs["loss"]), float(logs["accuracy"]))

    return backend.keras().callbacks.LambdaCallback(on_train_batch_end=step)
