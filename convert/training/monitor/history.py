"""history.csv: one line per epoch, and the overfitting it shows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, TypeVar

from edgevision.files import csv_cells

OVERFIT_POINTS = 10.0
"""Gap in percentage points between training and validation accuracy above which overfitting is reported."""
MIN_OVERFIT_IMAGES = 50
"""Number of validation images from which a rise of the loss is meaningful."""
OVERFIT_LOSS = 1.25
"""Ratio of the last validation loss to its best value from which overfitting is reported."""


@dataclass(frozen=True, slots=True)
class EpochRow:
    """What the lines of history.csv have in common, whatever is trained."""

    epoch: int
    """Number of the epoch, from 1, over all phases."""
    phase: str
    """Name of the phase: head, fine-tune or scratch; a detector has only one: detector, or points."""
    seconds: float
    lr: float
    loss: float
    """Mean over the steps of the epoch, with augmentation."""

    def describe(self) -> str:
        """Return a line for the user."""
        return f"epoch {self.epoch:3d}  {self.phase:9s} {self.seconds:6.1f} s  loss {self.loss:.4f}"


@dataclass(frozen=True, slots=True)
class Epoch(EpochRow):
    """Epoch of a classifier. Training loss and accuracy are measured during the epoch, with dropout and augmentation."""

    accuracy: float
    """Training accuracy, 0..1."""
    val_loss: float | None
    val_accuracy: float | None
    applied: str
    """Augmentation that was actually applied in this epoch."""

    def describe(self) -> str:
        """Return a line: ``epoch  7  head       0.4 s  loss 0.2178  accuracy 90.8 %  val 0.1822  93.0 %``."""
        text = f"{EpochRow.describe(self)}  accuracy {100 * self.accuracy:.1f} %"
        if self.val_loss is not None and self.val_accuracy is not None:
            text += f"  val {self.val_loss:.4f}  {100 * self.val_accuracy:.1f} %"
        return text


@dataclass(frozen=True, slots=True)
class DetectorEpoch(EpochRow):
    """Epoch of a detector; the validation is that of the averaged weights."""

    val_map50: float | None
    """Mean average precision at IoU 0.5 on the validation images, 0..1; None without such images."""
    val_map50_95: float | None
    """The same over IoU 0.5 to 0.95."""
    applied: str
    """Augmentation that was actually applied in this epoch."""

    def describe(self) -> str:
        """Return a line: ``epoch  7  detector   9.1 s  loss 0.7199  val mAP50 78.4 %  mAP50:95 40.1 %``."""
        text = EpochRow.describe(self)
        if self.val_map50 is not None and self.val_map50_95 is not None:
            text += f"  val mAP50 {100 * self.val_map50:.1f} %  mAP50:95 {100 * self.val_map50_95:.1f} %"
        return text


@dataclass(frozen=True, slots=True)
class PointEpoch(EpochRow):
    """Epoch of a model that finds points; the validation is that of the averaged weights."""

    val_f1: float | None
    """Best F1 over all thresholds on the validation images, 0..1; None without such images."""
    applied: str
    """Augmentation that was actually applied in this epoch."""

    def describe(self) -> str:
        """Return a line: ``epoch  7  points      2.1 s  loss 0.7199  val F1 78.4 %``."""
        text = EpochRow.describe(self)
        return text if self.val_f1 is None else f"{text}  val F1 {100 * self.val_f1:.1f} %"


Row = TypeVar("Row", bound=EpochRow)


def dumps(history: Sequence[Row], kind: type[Row]) -> str:
    """Return the text of history.csv with the columns of ``kind``; unknown values are empty."""
    rows = [[_cell(value) for value in asdict(row).values()] for row in history]
    return csv_cells.dumps([[f.name for f in fields(kind)], *rows])


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def to_json(history: Sequence[EpochRow]) -> list[dict[str, Any]]:
    """Return the history as plain values, for the checkpoint."""
    return [asdict(row) for row in history]


def from_json(rows: list[dict[str, Any]], kind: type[Row]) -> list[Row]:
    """Return the history from the output of ``to_json``."""
    return [kind(**row) for row in rows]


@dataclass(frozen=True, slots=True)
class Overfitting:
    """Gap between training and validation results."""

    gap_points: float
    """Training minus validation accuracy in the last epoch, in percentage points."""
    loss_rise: float
    """Validation loss of the last epoch divided by its best value."""
    best_epoch: int
    kept_epoch: int
    found: bool
    validated: int
    """Number of validation images."""

    @property
    def is_certain(self) -> bool:
        """Whether there are enough validation images to tell."""
        return self.found or self.validated >= MIN_OVERFIT_IMAGES

    def describe(self, remedies: Sequence[str] = ()) -> str:
        """Return one or two sentences for the user. ``remedies``: what may help, such as ``more images``."""
        if not self.is_certain:
            count = f"{self.validated} validation image{'s' * (self.validated != 1)}"
            return f"Whether the network overfits cannot be told from {count}; {MIN_OVERFIT_IMAGES} are needed."
        if not self.found:
            ahead = f"{self.gap_points:.1f} points below" if self.gap_points > 0.05 else "not below"
            return f"No notable overfitting: the final validation accuracy is {ahead} the training accuracy."
        text = f"The network overfits: its final accuracy is {self.gap_points:.1f} points higher on the training images"
        if self.loss_rise >= OVERFIT_LOSS:
            text += (
                f", and the validation loss rose to {self.loss_rise:.1f} times its best value (epoch {self.best_epoch})"
            )
        text += f". The weights of epoch {self.kept_epoch} are kept."
        return text + (f" What may help: {', '.join(remedies)}." if remedies else "")


def overfitting(history: Sequence[Epoch], validated: int, kept: int) -> Overfitting | None:
    """Return the overfitting in the last phase, or None without validation.

    ``validated``: number of validation images; ``kept``: epoch whose weights are kept.
    """
    rows = [row for row in history if row.phase == history[-1].phase] if history else []
    losses = [row.val_loss for row in rows if row.val_loss is not None]
    if not losses or rows[-1].val_accuracy is None or rows[-1].val_loss is None:
        return None
    gap = 100 * (rows[-1].accuracy - rows[-1].val_accuracy)
    rise = rows[-1].val_loss / max(min(losses), 1e-9)
    best = min((row for row in history if row.val_loss is not None), key=lambda row: row.val_loss or 0.0)
    share = rows[-1].val_accuracy
    # With few validation images, a gap within two standard errors may be chance.
    least = max(OVERFIT_POINTS, 200 * math.sqrt(share * (1 - share) / max(1, validated)))
    found = gap > least or (rise >= OVERFIT_LOSS and gap > least / 2 and validated >= MIN_OVERFIT_IMAGES)
    return Overfitting(gap, rise, best.epoch, kept, found, validated)
