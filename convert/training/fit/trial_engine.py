"""Settings of the fine-tuning that are tried, and the engine that draws them and stops those that fall behind."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

from ..fit.plan import TrainPlan

RATES = (1.0, 0.3, 3.0)
"""Learning rates, as factors of the default."""
LAYER_DECAYS = (0.9, 0.8, 1.0)
BLOCKS = (1.0, 0.5)
"""Shares of the blocks that are fine-tuned."""
REDUCTION = 3
"""One of so many trials goes on at each rung of the halving."""
FIRST_RUNG = 1 / 9
"""Share of the epochs at which trials are first compared."""
REDRAWS = 50
"""Draws of settings until new ones come up."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """Settings of a trial; the head that it starts from does not depend on them."""

    learning_rate: float
    layer_decay: float
    fine_tune_blocks: int

    def plan(self, base: TrainPlan) -> TrainPlan:
        """Return the plan of the trial."""
        return replace(
            base,
            learning_rate=self.learning_rate,
            layer_decay=self.layer_decay,
            fine_tune_blocks=self.fine_tune_blocks,
        )


class Engine:
    """Successive halving by Optuna: L. Li et al., 2020, A System for Massively Parallel Hyperparameter Tuning (ASHA)."""

    def __init__(self, base: TrainPlan, epochs: int, seed: int) -> None:
        """Prepare the draws around a plan. Raises ModuleNotFoundError without Optuna."""
        import optuna

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._base = base
        self._trials = dict[Candidate, Any]()
        self._told = set[tuple[Candidate, int]]()
        self._study = optuna.create_study(
            sampler=optuna.samplers.RandomSampler(seed=seed),
            pruner=optuna.pruners.SuccessiveHalvingPruner(
                min_resource=max(1, round(FIRST_RUNG * epochs)), reduction_factor=REDUCTION
            ),
        )
        # The defaults come first, so that the others have to beat them.
        self._study.enqueue_trial(
            {
                "rate": base.learning_rate,
                "layer_decay": base.layer_decay,
                "blocks": base.fine_tune_blocks,
            }
        )

    def next(self) -> Candidate | None:
        """Return settings that were not tried yet, or None if there are no more."""
        for _ in range(REDRAWS):
            trial = self._study.ask()
            found = self._drawn(trial)
            if found not in self._trials:
                self._trials[found] = trial
                return found
            self._study.tell(trial, state=self._state("FAIL"))
        return None

    def falls_behind(self, candidate: Candidate, epoch: int, loss: float) -> bool:
        """Take in the loss after an epoch of a trial, from 1, and return whether the trial is to be stopped.

        Several trials may run at once, each compared with those that came as far before it. An epoch that is repeated, because
        the machine of the trial was lost, decides nothing.
        """
        if (candidate, epoch) in self._told:
            return False
        self._told.add((candidate, epoch))
        trial = self._trials[candidate]
        trial.report(loss, epoch)
        return bool(trial.should_prune())

    def end(self, candidate: Candidate, loss: float, stopped: bool) -> None:
        """Take in the final loss of a trial."""
        if stopped:
            self._study.tell(self._trials[candidate], state=self._state("PRUNED"))
        else:
            self._study.tell(self._trials[candidate], loss)

    def drop(self, candidate: Candidate) -> None:
        """Give up a trial that could not be run."""
        self._study.tell(self._trials[candidate], state=self._state("FAIL"))

    def _drawn(self, trial: Any) -> Candidate:
        base = self._base
        rates = tuple(factor * base.learning_rate for factor in RATES)
        # From scratch, all layers learn alike.
        decays = (base.layer_decay,) if base.scratch else tuple(dict.fromkeys((base.layer_decay, *LAYER_DECAYS)))
        shares = (1.0,) if base.scratch else BLOCKS
        blocks = tuple(dict.fromkeys(math.ceil(share * base.fine_tune_blocks) for share in shares))
        return Candidate(
            trial.suggest_categorical("rate", rates),
            trial.suggest_categorical("layer_decay", decays),
            trial.suggest_categorical("blocks", blocks),
        )

    @staticmethod
    def _state(name: str) -> Any:
        from optuna.trial import TrialState

        return TrialState[name]
