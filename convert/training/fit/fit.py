"""Fitting of a network: features of the frozen part, then the phases, resumable between any two epochs."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from edgevision.log import Log

from ..cluster.team import ALONE, Team
from ..config.duration import rounded
from ..input.splits import Sets
from ..monitor.history import Epoch
from ..monitor.observer import TrainingObserver
from ..network.network import Network
from .checkpoint import State
from .early_stopping import MIN_VALIDATION_IMAGES
from .epochs import Checkpointer, PhaseRun, run_phase
from .frozen_features import Features, extractor
from .phases import HEAD, Phase, fine_tune_on_features, head_phase, live_phase
from .plan import TrainPlan
from .step_time import step_seconds
from .temperature_scaling import calibrate, divide_logits
from .time_budget import FORWARD_COST, Length, TimeBudget
from .trials import EQUIVALENT_TRAININGS, OneByOne, Search, Trials

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
    budget: TimeBudget | None = None,
    team: Team = ALONE,
    search: Search | None = None,
) -> None:
    """Run all remaining phases. Afterwards the network has the kept weights and ``state`` the history.

    ``team``: the machines that train together, each of which calls this with the same arguments; ``search``: what runs the
    trials of ``--quality best``, by default this machine, one after another.
    """
    if plan.search and len(sets.val) < MIN_VALIDATION_IMAGES:
        few = f"{len(sets.val)} validation images are too few to compare settings, {MIN_VALIDATION_IMAGES} are needed"
        watcher.note(f"--quality best: {few}; training as with --quality good")
        plan = replace(plan, search=False)
    _Phases(network, plan, sets, watcher, team, search or OneByOne()).run(state, keeper, budget)
    network.assign(state.kept_weights or network.values())
    if plan.target_temperature != 1.0:
        divide_logits(network, 1.0 / plan.target_temperature)
    if len(sets.val) >= MIN_VALIDATION_IMAGES and team.is_chief:
        state.temperature = calibrate(network, sets.val)
        log.info("scores calibrated with temperature %.3f", state.temperature)
    state.kept_weights = network.values()
    state.finished = True
    keeper.keep(state, now=True)


@dataclass(slots=True, eq=False)
class _Phases:
    """The phases of a training, each built when it is first needed."""

    network: Network
    plan: TrainPlan
    sets: Sets
    watcher: TrainingObserver
    team: Team
    search: Search
    _views: _Views | None = None
    _live: Phase | None = None
    _times: dict[str, float] = field(default_factory=dict)

    def run(self, state: State[Epoch], keeper: Checkpointer[Epoch], budget: TimeBudget | None) -> None:
        """Run all that are not behind ``state``."""
        if budget is not None and not state.history:
            self.announce(budget)
        for number, build in enumerate(self.builders()):
            if state.phase == number:
                phase = build()
                if budget is not None and phase.name != HEAD and not state.pace:
                    state.pace.append(self.length(phase, budget, self.step_time(phase, budget)))
                if self.plan.search and phase.name != HEAD:
                    self._search(phase, state, keeper, budget)
                else:
                    targets, seed = self.sets.val.targets, self.plan.seed
                    run_phase(
                        PhaseRun(phase, self.network, targets, state, seed, keeper, self.watcher, budget, self.team)
                    )

    def _search(
        self, phase: Phase, state: State[Epoch], keeper: Checkpointer[Epoch], budget: TimeBudget | None
    ) -> None:
        """Try several settings of a phase."""
        length = state.pace[0] if state.pace else Length(phase.schedule.epochs, phase.schedule.steps)
        trials = Trials(self.network, self.plan, self.sets, self.watcher, budget, length)
        self.search.run(trials, state)
        trials.keep_best(state, keeper)

    def builders(self) -> list[Callable[[], Phase]]:
        """Return the builder of each phase, in order."""
        if self.plan.scratch:
            return [self._live_phase]
        fine_tune = self._live_phase if not self.plan.once else self._fine_tune_on_features
        return [self._head, fine_tune] if self.plan.epochs and self.plan.fine_tune_blocks else [self._head]

    def announce(self, budget: TimeBudget) -> None:
        """Tell the user how long the training will take, from a few timed steps; nothing if it is short of a phase."""
        if self.builders()[-1] != self._live_phase:
            return
        phase = self._live_phase()
        step_s = self.step_time(phase, budget)
        before = 0.0 if self.plan.scratch else self._features_s(step_s)
        found = self.length(phase, budget, step_s, before)
        epoch_s = found.steps * step_s + self._validation_s(step_s)
        part = " of a part of the images" if found.steps < phase.schedule.steps else ""
        trainings = self._trainings()
        trials = ", of the trials that are not stopped" if self.plan.search else ""
        whole = before + trainings * found.epochs * epoch_s
        self.watcher.note(
            f"time: about {rounded(whole)}, with {found.epochs} epochs of {phase.name}{part}{trials}; {budget.describe(whole)}"
        )

    def step_time(self, phase: Phase, budget: TimeBudget) -> float:
        """Return the measured time of a training step of a phase, which is measured once."""
        if phase.name not in self._times:
            with self.watcher.stage("Timing a few steps", None):
                self._times[phase.name] = step_seconds(phase, self.network, budget.clock, self.team)
        return self._times[phase.name]

    def length(self, phase: Phase, budget: TimeBudget, step_s: float, before_s: float = 0.0) -> Length:
        """Return the length of a phase within the budget, if it starts in ``before_s`` seconds."""
        wanted = Length(phase.schedule.epochs, phase.schedule.steps)
        return budget.planned(wanted, step_s, self._validation_s(step_s), before_s, self._trainings())

    def _trainings(self) -> int:
        """Return how many whole trainings have to fit one after another."""
        return max(1, math.ceil(EQUIVALENT_TRAININGS / self.search.at_once)) if self.plan.search else 1

    def _validation_s(self, step_s: float) -> float:
        return len(self.sets.val) / self.plan.batch_size * step_s * FORWARD_COST

    def _features_s(self, step_s: float) -> float:
        """Return the estimated time of computing the features of the head, in seconds."""
        images = self.plan.augment_copies * len(self.sets.train) + len(self.sets.val)
        return images / self.plan.batch_size * step_s * FORWARD_COST

    def _head(self) -> Phase:
        found = self._features()
        return head_phase(self.network, self.plan, found.train, found.val)

    def _live_phase(self) -> Phase:
        self._views = None  # free the features
        if self._live is None:
            scratch = self.plan.scratch
            self._live = live_phase(self.network, self.plan, self.sets.train, self.sets.val, scratch=scratch)
        return self._live

    def _fine_tune_on_features(self) -> Phase:
        found = self._features()
        return fine_tune_on_features(self.network, self.plan, found.train, found.val)

    def _features(self) -> _Views:
        """Run the frozen part with the initial weights over all copies."""
        if self._views is not None:
            return self._views
        plan, sets = self.plan, self.sets
        keep_maps = plan.once and plan.epochs > 0 and plan.fine_tune_blocks > 0
        frozen = extractor(self.network, plan.augmentation, plan.fine_tune_blocks if keep_maps else 0, keep_maps)
        done = plan.augment_copies * len(sets.train)
        with self.watcher.stage("Computing features", done + len(sets.val)) as step:
            train = frozen.compute(sets.train, plan.augment_copies, plan.seed, step, self.team)
            val = frozen.compute(sets.val, 1, plan.seed, lambda more: step(done + more), self.team)
        self._views = _Views(train, val)
        return self._views
