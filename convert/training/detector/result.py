"""The record of a finished training of a detector."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgevision.evaluation.detection.evaluate import DetectorEvaluation
from edgevision.evaluation.detection.points.evaluate import PointEvaluation

from ..config.settings import TrainSettings
from ..input.splits import DatasetSplits
from ..monitor.history import EpochRow
from ..report.result import SCHEMA
from .plan import DetectorPlan


@dataclass(frozen=True, slots=True)
class DetectorThreshold:
    """The score from which objects are reported, with the best F1 on the images that it was chosen on; all 0..1."""

    value: float
    precision: float
    """Proportion of the reported objects that are correct."""
    recall: float
    """Proportion of the objects that are found."""
    pictures: int
    """Number of images that it was chosen on."""
    parts: tuple[str, ...]
    """Parts of the split that these are from."""
    criterion: str
    """Why this one."""

    def describe(self) -> str:
        """Return a sentence for the user."""
        found = (
            f"{100 * self.recall:.0f} % of the objects were found and {100 * self.precision:.0f} % of the finds correct"
        )
        on = f"on {self.pictures} {' and '.join(self.parts)} images"
        return f"objects with scores below {self.value:.3g} are not reported; above it, {found}, {on}"

    def to_json(self) -> dict[str, Any]:
        """Return the fields as JSON values, as the threshold of a classifier."""
        return {
            "value": self.value,
            "criterion": self.criterion,
            "precision": self.precision,
            "recall": self.recall,
            "pictures": self.pictures,
            "parts": list(self.parts),
        }


@dataclass(frozen=True, slots=True, eq=False)
class DetectorResult:
    """Result of the training of a detector, of boxes or of points. ``to_json`` returns its figures in a documented schema."""

    folder: Path
    """The run folder."""
    model: Path
    """Path of model.keras, which ``convert`` takes."""
    photos: Path
    """Path of the photos."""
    settings: TrainSettings
    """The settings; of those left to ``auto``, ``plan`` has the values."""
    plan: DetectorPlan
    """The settings with every ``auto`` resolved."""
    learning: DatasetSplits
    """The images: train, val and test."""
    origin: str
    """Description of the initial weights."""
    head: str
    """What the network has besides its backbone."""
    history: tuple[EpochRow, ...]
    """Loss and validation of each epoch, as in history.csv."""
    kept: int
    """Epoch whose weights the model has, from 1; 0 if no epoch was run."""
    threshold: DetectorThreshold | None
    """The score from which objects are reported; None if there were too few images to choose it on."""
    evaluation: DetectorEvaluation | PointEvaluation | None
    """Evaluation on the test images, or None if there were none."""

    def to_json(self) -> dict[str, Any]:
        """Return the result as the JSON document ``edgevision.train/1``."""
        return {
            "schema": SCHEMA,
            "folder": str(self.folder),
            "model": str(self.model),
            "network": f"{self.plan.choice.describe()}, {self.head}",
            "weights": self.origin,
            "pictures": self.learning.counts(),
            "epochs": len(self.history),
            "threshold": None if self.threshold is None else self.threshold.to_json(),
            "metrics": None if self.evaluation is None else self.evaluation.to_json(),
        }
