"""The record of a finished training run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgevision.evaluation.evaluate import Evaluation

from ..config.augmentation import PRESETS as AUGMENTATIONS
from ..config.settings import TrainSettings
from ..continuation.proposal import Proposal
from ..fit.plan import TrainPlan
from ..fit.tried import Tried
from ..input.splits import DatasetSplits
from ..linear_probe.fit_linear import LinearFit
from ..linear_probe.learning_curve import LearningCurve
from ..monitor import history
from ..network.backbones import CNN
from .unknown_threshold import ChosenThreshold

SCHEMA = "edgevision.train/1"


@dataclass(frozen=True, slots=True, eq=False)
class TrainResult:
    """Result of a training. ``to_json`` returns its figures in a documented schema."""

    folder: Path
    """The run folder."""
    model: Path
    """Path of model.keras, which ``convert`` takes; of refused.keras if it is worse than the model it continues from."""
    photos: Path
    """Path of the photos."""
    settings: TrainSettings
    """The settings; of those left to ``auto``, ``plan`` has the values."""
    plan: TrainPlan
    """The settings with every ``auto`` resolved."""
    learning: DatasetSplits
    """The images: train, val and test."""
    origin: str
    """Description of the initial weights."""
    history: tuple[history.Epoch, ...]
    """Loss and accuracy of each epoch, as in history.csv."""
    kept: int
    """Epoch whose weights the model has, from 1; 0 if no epoch was run."""
    temperature: float | None
    """Temperature that the logits were divided by to calibrate the scores, or None if they were not scaled."""
    tried: tuple[Tried, ...]
    """The settings that were tried with quality ``best``; empty otherwise."""
    evaluation: Evaluation | None
    """Evaluation on the test images; without any, by cross-validation of a linear head; None if there was neither."""
    threshold: ChosenThreshold | None
    """The score below which the model answers "unknown"; None if there were too few images to choose it on."""
    linear: LinearFit | None = None
    """The linear head that was fitted in one step; None after training by gradient."""
    curve: LearningCurve | None = None
    """What more photos would bring, for a linear head on the network before fine-tuning; None if it was not measured."""
    proposal: Proposal | None = None
    """Whether the model may replace the one that it continues from; None for a training that continues from none."""

    @property
    def remedies(self) -> tuple[str, ...]:
        """What may help against overfitting and has not been done."""
        found = ["more images"]
        if self.plan.augmentation != AUGMENTATIONS["strong"]:
            found.append("--augment strong")
        if self.plan.scratch and self.plan.choice.backbone != CNN:
            found.append("pretrained weights (--weights auto)")
        return tuple(found)

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
            "head": None if self.linear is None else self.linear.to_json(),
            "learning_curve": None if self.curve is None else self.curve.to_json(),
            "threshold": None if self.threshold is None else self.threshold.to_json(),
            "proposal": None if self.proposal is None else self.proposal.to_json(),
            "metrics": None if self.evaluation is None else self.evaluation.to_json(),
        }
