"""What is evaluated and on which images."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..datasets.dataset import Item, Skipped
from ..datasets.training_images import TrainingImages, training_images
from .scorers import ModelFacts, Scorer

CROSS_VALIDATION = "cross-validation"
"""Part of images that were each scored by a model made without them."""


@dataclass(frozen=True, slots=True)
class Pictures:
    """The images that a model is evaluated on."""

    path: str
    """Path that the user gave."""
    items: tuple[Item, ...]
    """The labeled images."""
    classes: tuple[str, ...]
    """Sorted class names of the whole dataset. A model without labels takes them if their number fits."""
    split: str = "all"
    """Evaluated part: train, val, test, all or CROSS_VALIDATION."""
    skipped: tuple[Skipped, ...] = ()
    """Files that were skipped before the evaluation."""
    negatives: tuple[Item, ...] = ()
    """Negatives: images that show none of the classes. Their labels are ignored."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A model to evaluate."""

    scorer: Scorer
    facts: ModelFacts
    split_file: Path | None = None
    """The split.csv beside the model, which lists the images of its training."""

    @property
    def training_images(self) -> TrainingImages:
        """What is known of the images that made the model."""
        return training_images(self.scorer.card, self.split_file)
