"""Early stopping: which epoch's weights to keep, and when to stop."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    from ..monitor.history import Epoch

    Losses = npt.NDArray[np.float64]


MIN_VALIDATION_IMAGES = 40
"""Minimum number of validation images for choosing an epoch.

Measured on five draws of a hundred photos: ten validation images chose worse weights than the last epoch's in three of
the draws, and never better ones.
"""


PERFECT_EPOCHS = 3
"""Consecutive epochs without any mistake, in training and validation, after which a phase ends."""


def is_perfect(rows: Sequence[Epoch], phase: str) -> bool:
    """Return whether the last epochs of a phase had no mistake, so that there is nothing left to learn from."""
    last = rows[-PERFECT_EPOCHS:]
    return len(last) == PERFECT_EPOCHS and all(
        row.phase == phase and row.accuracy == 1.0 and row.val_accuracy in (None, 1.0) for row in last
    )


@dataclass(slots=True)
class Selection:
    """Selection of the latest epoch that is not clearly worse than the best one, by calibrated losses.

    Not clearly worse: within one standard error of the paired difference over the images (after the one-standard-error
    rule of L. Breiman et al., 1984, Classification and Regression Trees, 3.4.3). The learning rate falls towards the end
    of a phase, so later weights are better unless at least MIN_VALIDATION_IMAGES show otherwise. A phase that never gets
    below the mean loss of the weights that it started from changes nothing.
    """

    lowest: Losses | None = None
    """Losses of the validation images in the epoch with the lowest mean, (n,)."""
    epoch: int = 0
    """Epoch whose weights are kept, from 1 over all phases; 0 if none yet."""
    waited: int = 0
    """Epochs of this phase since the kept one."""
    limit: float | None = None
    """Mean loss of the weights that this phase started from; None in the first phase."""
    kept: float | None = None
    """Mean loss in the kept epoch."""

    def judge(self, losses: Losses, epoch: int) -> bool:
        """Take in the validation losses of an epoch and return True if its weights are to be kept.

        With too few validation images every epoch is kept, so the last one wins.
        """
        keep = True
        if self.lowest is not None and len(losses) >= MIN_VALIDATION_IMAGES:
            difference = losses - self.lowest
            keep = bool(difference.mean() <= difference.std(ddof=1) / np.sqrt(len(losses)))
            keep = keep and (self.limit is None or bool(losses.mean() <= self.limit))
        if self.lowest is None or not len(losses) or losses.mean() < self.lowest.mean():
            self.lowest = losses
        if keep and len(losses):
            self.kept = float(losses.mean())
        self.epoch, self.waited = (epoch, 0) if keep else (self.epoch, self.waited + 1)
        return keep

    def next_phase(self) -> None:
        """Start the next phase from the kept weights."""
        self.limit, self.waited = self.kept, 0
