"""The table of what was tried: tried.csv and a section of the report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from edgevision.files import csv_cells

FILE = "tried.csv"
STOPPED, FINISHED, KEPT = "stopped", "finished", "kept"


@dataclass(frozen=True, slots=True)
class Tried:
    """A trial: its settings and what came of it."""

    number: int
    """From 1."""
    learning_rate: float
    layer_decay: float
    fine_tune_blocks: int
    epochs: int
    """Epochs that were run."""
    seconds: float
    val_calibrated_loss: float
    """Mean loss of the validation images with the kept weights, after calibration; that of the head if none were better."""
    val_accuracy: float
    """Validation accuracy after the last epoch, 0..1."""
    result: str
    """stopped, finished or kept."""

    def describe(self) -> str:
        """Return a line for the user."""
        chosen = (
            f"learning rate {self.learning_rate:.2g}, layer decay {self.layer_decay:g}, {self.fine_tune_blocks} blocks"
        )
        found = f"calibrated loss {self.val_calibrated_loss:.4f} after {self.epochs} epochs, {self.result}"
        return f"trial {self.number}: {chosen}: {found}"

    def cells(self) -> list[str]:
        """Return the values as short texts."""
        return [f"{value:.4g}" if isinstance(value, float) else str(value) for value in asdict(self).values()]


def columns() -> list[str]:
    """Return the names of the columns."""
    return [f.name for f in fields(Tried)]


def dumps(rows: Sequence[Tried]) -> str:
    """Return the text of tried.csv."""
    return csv_cells.dumps([columns(), *(row.cells() for row in rows)])


def to_json(rows: Sequence[Tried]) -> list[dict[str, Any]]:
    """Return the rows as plain values, for the checkpoint."""
    return [asdict(row) for row in rows]


def from_json(rows: list[dict[str, Any]]) -> list[Tried]:
    """Return the rows from the output of ``to_json``."""
    return [Tried(**row) for row in rows]
