"""The record of a finished training run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgevision.evaluation.evaluate import Evaluation

from ..config.settings import TrainSettings
from ..fit.plan import TrainPlan
from ..input.splits import DatasetSplits
from ..monitor import history

SCHEMA = "edgevision.train/1"


@dataclass(frozen=True, slots=True, eq=False)
class TrainResult:
    """Result of a training."""

    folder: Path
    model: Path
    photos: Path
    settings: TrainSettings
    plan: TrainPlan
    learning: DatasetSplits
    origin: str
    """Description of the initial weights."""
    history: tuple[history.Epoch, ...]
    kept: int
    """Epoch whose weights the model has, from 1; 0 if no epoch was run."""
    temperature: float | None
    """Temperature that the logits were divided by to calibrate the scores, or None if they were not scaled."""
    evaluation: Evaluation | None
    """Evaluation on the test images, or None if there were none."""

    def to_json(self) -> dict[str, Any]:
        """Return the result as the JSON document ``edgevision.train/1``."""
        return {
            "schema": SCHEMA,
            "folder": str(self.folder),
            "model": str(self.model),
            "network": self.plan.choice.describe(),
            "weights": self.origin,
            "pictures": self.learning.counts(),
            "epochs": len(self.history),
            "metrics": None if self.evaluation is None else self.evaluation.to_json(),
        }
