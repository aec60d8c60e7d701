"""Fitting of a network: features of the frozen part, then the phases, resumable between any two epochs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from edgevision.log import Log

from ..input.splits import Sets
from ..monitor.history import Epoch
from ..monitor.observer import TrainingObserver
from ..network.network import Network
from .checkpoint import State
from .early_stopping import MIN_VALIDATION_IMAGES
from .epochs import Checkpointer, run_phase
from .frozen_features import Features, extractor
from .phases import Phase, fine_tune_on_features, head_phase, live_phase
from .plan import TrainPlan
from .temperature_scaling import calibrate

log = Log("edgevision.train")


@dataclass(frozen=True, slots=True, eq=False)
class _Views:
    """Frozen features of the training and validation images."""

    train: Features
    val: Features


def fit(
    network: Network,
    plan: TrainPlan,
    sets: Sets,
    state: State[Epoch],
    keeper: Checkpointer[Epoch],
    watcher: TrainingObserver,
) -> None:
    """Run all remaining phases. Afterwards the network has the kept weights and ``state`` the history."""
    builders = _phases(network, plan, sets, watcher)
    for number, build in enumerate(builders):
        if state.phase == number:
            run_phase(build(state), network, sets.val.targets, state, plan.seed, keeper, watcher)
    network.assign(state.kept_weights or network.values())
    if len(sets.val) >= MIN_VALIDATION_IMAGES:
        state.temperature = calibrate(network, sets.val)
        log.info("scores calibrated with temperature %.3f", state.temperature)
    state.kept_weights = network.values()
    state.finished = True
    keeper.keep(state, now=True)


def _phases(
    network: Network, plan: TrainPlan, sets: Sets, watcher: TrainingObserver
) -> list[Callable[[State[Epoch]], Phase]]:
    """Return a builder for each phase; shared features are computed by the first phase that needs them."""
    if plan.scratch:
        return [lambda state: live_phase(network, plan, sets.train, sets.val, scratch=True)]
    kept: list[_Views] = []

    def views(state: State[Epoch]) -> _Views:
        if not kept:
            kept.append(_compute(network, plan, sets, watcher))
        return kept[0]

    def head(state: State[Epoch]) -> Phase:
        found = views(state)
        return head_phase(network, plan, found.train, found.val)

    def fine_tune(state: State[Epoch]) -> Phase:
        if not plan.once:
            kept.clear()
            return live_phase(network, plan, sets.train, sets.val, scratch=False)
        found = views(state)
        return fine_tune_on_features(network, plan, found.train, found.val)

    return [head, fine_tune] if plan.epochs and plan.fine_tune_blocks else [head]


def _compute(network: Network, plan: TrainPlan, sets: Sets, watcher: TrainingObserver) -> _Views:
    """Run the frozen part with the initial weights over all copies."""
    keep_maps = plan.once and plan.epochs > 0 and plan.fine_tune_blocks > 0
    frozen = extractor(network, plan.augmentation, plan.fine_tune_blocks, keep_maps)
    total = plan.augment_copies * len(sets.train) + len(sets.val)
    with watcher.stage("Computing features", total) as step:
        train = frozen.compute(sets.train, plan.augment_copies, plan.seed, step)
        val = frozen.compute(sets.val, 1, plan.seed, lambda done: step(plan.augment_copies * len(sets.train) + done))
    return _Views(train, val)
