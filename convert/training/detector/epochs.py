"""The epochs of a detector of any head: train, validate the averaged weights, keep the best, write checkpoints."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from edgevision.log import Log

from ..fit.checkpoint import State
from ..fit.early_stopping import MIN_VALIDATION_IMAGES, Selection
from ..fit.epochs import Checkpointer
from ..monitor.history import Row
from ..monitor.observer import TrainingObserver
from .examples import BoxExamples, batches
from .head import Head
from .plan import DetectorPlan
from .trainer import Trainer, unfreeze

if TYPE_CHECKING:
    import numpy.typing as npt

log = Log("edgevision.train")
ORDER_STREAM = 7004
"""Seed component of the order of the images."""
TOLERANCE = 0.01
"""Loss of mAP or F1 against the best epoch that is noise; later weights are better unless they lose more."""


@dataclass(frozen=True, slots=True)
class BoxSets:
    """Preprocessed images of a training."""

    train: BoxExamples
    val: BoxExamples

    def close(self) -> None:
        """Free the caches."""
        self.train.pixels.close()
        self.val.pixels.close()


def fit(
    head: Head[Row],
    plan: DetectorPlan,
    sets: BoxSets,
    state: State[Row],
    keeper: Checkpointer[Row],
    watcher: TrainingObserver,
) -> None:
    """Run all remaining epochs. Afterwards the network has the kept weights and ``state`` the history."""
    steps = -(-len(sets.train) // plan.batch_size)
    network = head.network
    trainer = Trainer(network, plan, steps)
    if state.optimizer:
        network.assign(state.weights)
        trainer.restore(state.optimizer)
    while state.epoch < plan.epochs and state.selection.waited < plan.patience:
        row = _epoch(trainer, head, plan, sets, state, watcher)
        state.history.append(row)
        state.epoch += 1
        keep = is_best(state.selection, head.value(row), row.epoch, len(sets.val))
        if keep:
            state.kept_weights = trainer.average()
        state.weights, state.optimizer = network.values(), trainer.state()
        watcher.end(row, keep)
        keeper.keep(state)
    network.assign(state.kept_weights or network.values())
    unfreeze(network)
    state.optimizer, state.finished = [], True
    state.kept_weights = network.values()
    keeper.keep(state, now=True)
    log.info("ended after %d epochs; the weights of epoch %d are kept", state.epoch, state.selection.epoch)


def is_best(selection: Selection, value: float, epoch: int, pictures: int) -> bool:
    """Take in the validation of an epoch and return True if its weights are to be kept. Changes ``selection``.

    ``value``: its measure, 0..1. With fewer than MIN_VALIDATION_IMAGES ``pictures`` every epoch is kept, so the last one
    wins.
    """
    loss = 1.0 - value
    lowest = np.inf if selection.lowest is None else float(selection.lowest[0])
    keep = pictures < MIN_VALIDATION_IMAGES or loss <= lowest + TOLERANCE
    selection.lowest = np.asarray([min(loss, lowest)])
    selection.epoch, selection.waited = (epoch, 0) if keep else (selection.epoch, selection.waited + 1)
    return keep


def _epoch(
    trainer: Trainer,
    head: Head[Row],
    plan: DetectorPlan,
    sets: BoxSets,
    state: State[Row],
    watcher: TrainingObserver,
) -> Row:
    started = time.monotonic()
    # All randomness depends only on the seed and the epoch number, so that a resumed run repeats the epoch exactly.
    order = np.random.default_rng([plan.seed, ORDER_STREAM, state.epoch]).permutation(len(sets.train))
    losses: list[float] = []
    watcher.begin(head.phase, state.epoch + 1, plan.epochs, trainer.schedule.steps)
    for batch in batches(sets.train, plan.batch_size, plan.augmentation, (plan.seed, state.epoch), order):
        losses.append(trainer.step(*batch))
        watcher.step(float(np.mean(losses)))
    columns: dict[str, Any] = {
        "epoch": state.epoch + 1,
        "phase": head.phase,
        "seconds": round(time.monotonic() - started, 3),
        "lr": trainer.rate,
        "loss": float(np.mean(losses)),
        **_validated(trainer, head, sets.val),
        "applied": plan.applied,
    }
    return head.row(**columns)


def _validated(trainer: Trainer, head: Head[Row], val: BoxExamples) -> dict[str, Any]:
    """Evaluate the averaged weights on the validation images."""
    network = head.network
    weights: list[npt.NDArray[Any]] = network.values()
    network.assign(trainer.average())
    found = head.validated(val)
    network.assign(weights)
    return found
