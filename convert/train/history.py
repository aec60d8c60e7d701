"""history.csv: one line per epoch, and what it says about overfitting."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

OVERFIT_POINTS = 10.0
"""Points by which the training pictures may be better than the validation pictures before it is named."""
ENOUGH = 50
"""Validation pictures from which a risen loss means something."""
OVERFIT_LOSS = 1.25
"""Times its best value to which the validation loss may rise."""


@dataclass(frozen=True, slots=True)
class Epoch:
    """One line of history.csv. Losses and accuracies of training are with dropout and augmentation, as the epoch ran."""

    epoch: int
    """Counted from 1, over all phases."""
    phase: str
    """head, fine-tune or scratch."""
    seconds: float
    lr: float
    loss: float
    accuracy: float
    """0..1"""
    val_loss: float | None
    val_accuracy: float | None
    applied: str
    """What was really done to the pictures of this epoch."""


def dumps(history: list[Epoch]) -> str:
    """The text of history.csv; unknown is empty."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(f.name for f in fields(Epoch))
    for row in history:
        writer.writerow("" if v is None else f"{v:.6g}" if isinstance(v, float) else v for v in asdict(row).values())
    return out.getvalue()


def to_json(history: list[Epoch]) -> list[dict[str, Any]]:
    """Plain values, for the checkpoint."""
    return [asdict(row) for row in history]


def from_json(rows: list[dict[str, Any]]) -> list[Epoch]:
    """Reads what ``to_json`` made."""
    return [Epoch(**row) for row in rows]


@dataclass(frozen=True, slots=True)
class Overfitting:
    """How far the training pictures are ahead of pictures that were not trained on."""

    gap_points: float
    """Training minus validation accuracy at the last epoch, in percentage points."""
    loss_rise: float
    """Validation loss of the last epoch over its best."""
    best_epoch: int
    kept_epoch: int
    found: bool

    def describe(self) -> str:
        """One or two sentences for people."""
        if not self.found:
            ahead = f"{self.gap_points:.1f} points behind" if self.gap_points > 0.05 else "not behind"
            return f"No overfitting to speak of: at the end validation is {ahead} training."
        text = (
            f"The network overfits: at the end it is {self.gap_points:.1f} points better on the pictures it trained on"
        )
        if self.loss_rise >= OVERFIT_LOSS:
            text += (
                f", and the validation loss has risen to {self.loss_rise:.1f} times its best (epoch {self.best_epoch})"
            )
        return (
            text
            + f". The weights of epoch {self.kept_epoch} are kept. More pictures, --augment strong or pretrained weights help."
        )


def overfitting(history: Sequence[Epoch], validated: int, kept: int) -> Overfitting | None:
    """What the last phase shows; ``validated``: number of validation pictures; ``kept``: epoch. None without validation."""
    rows = [row for row in history if row.phase == history[-1].phase] if history else []
    losses = [row.val_loss for row in rows if row.val_loss is not None]
    if not losses or rows[-1].val_accuracy is None or rows[-1].val_loss is None:
        return None
    gap = 100 * (rows[-1].accuracy - rows[-1].val_accuracy)
    rise = rows[-1].val_loss / max(min(losses), 1e-9)
    best = min((row for row in history if row.val_loss is not None), key=lambda row: row.val_loss or 0.0)
    share = rows[-1].val_accuracy
    # A gap within two standard errors of a few validation pictures is chance.
    least = max(OVERFIT_POINTS, 200 * math.sqrt(share * (1 - share) / max(1, validated)))
    found = gap > least or (rise >= OVERFIT_LOSS and gap > least / 2 and validated >= ENOUGH)
    return Overfitting(gap, rise, best.epoch, kept, found)
