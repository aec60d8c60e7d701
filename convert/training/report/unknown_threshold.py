"""The score below which a trained model answers "unknown", chosen on images that it was not trained on."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from edgevision.datasets.dataset import Item
from edgevision.evaluation.evaluate import evaluate
from edgevision.evaluation.intervals import FEW_IMAGES
from edgevision.evaluation.records import Pictures, Subject
from edgevision.evaluation.scorers import ModelFacts, Scorer
from edgevision.model_file.card import ModelCard
from edgevision.postprocessing import classification
from edgevision.preprocessing.transform import pixels
from edgevision.types import Frame, TensorSpec

from ..input.batches import real_values
from ..input.splits import DatasetSplits
from ..network.network import for_inference

if TYPE_CHECKING:
    import numpy.typing as npt

STEPS = 1000
"""A threshold is rounded down to 1/STEPS, so that the image that set it still reaches it."""


@dataclass(frozen=True, slots=True)
class ChosenThreshold:
    """A threshold and its effect on the images that it was chosen on, all 0..1."""

    value: float
    criterion: str
    """Human-readable reason."""
    precision: float
    """Share of the answers at or above the threshold that are correct."""
    recall: float
    """Share of all images (multi-label: of all labels) that get a correct answer."""
    pictures: int
    """Number of images that it was chosen on."""
    parts: tuple[str, ...]
    """Parts of the split that these are from."""

    def describe(self) -> str:
        """Return a sentence for the user."""
        share = f"{100 * self.precision:.0f} % of the answers were correct and {100 * self.recall:.0f} % of the images got one"
        on = f"on {self.pictures} {' and '.join(self.parts)} images"
        return f'scores below {self.value:.3g} are reported as "unknown"; above it, {share}, {on}'

    def to_json(self) -> dict[str, Any]:
        """Return the fields as JSON values."""
        return {
            "value": self.value,
            "criterion": self.criterion,
            "precision": self.precision,
            "recall": self.recall,
            "pictures": self.pictures,
            "parts": list(self.parts),
        }


def choose_threshold(deployed: Any, card: ModelCard, learning: DatasetSplits) -> ChosenThreshold | None:
    """Return the threshold for a model; None with fewer than FEW_IMAGES images, or if no answer is right.

    The validation images choose it, and the test images with them if these are too few. A threshold changes the accuracy
    of a multi-label model, so there the test images never take part.
    """
    parts: tuple[str, ...] = ("val",)
    items: Sequence[Item] = learning.val
    if len(items) < FEW_IMAGES and card.task == "classification":
        parts, items = ("val", "test"), (*learning.val, *learning.test)
    if len(items) < FEW_IMAGES:
        return None
    scorer = _NetworkScorer(deployed, card)
    pictures = Pictures("", tuple(items), learning.dataset.classes)
    found = evaluate(Subject(scorer, ModelFacts("", "", "keras", "float", 0)), pictures).metrics.threshold
    if found.suggested is None or not found.precision or found.recall is None:
        return None
    value = math.floor(STEPS * found.suggested) / STEPS
    return ChosenThreshold(value, found.criterion, found.precision, found.recall, len(items), parts)


class _NetworkScorer(Scorer):
    """A network that is not saved yet."""

    sha256 = ""

    def __init__(self, deployed: Any, card: ModelCard) -> None:
        self.card = card.with_(training=None)  # the images are chosen: none of them was trained on
        self._run = for_inference(deployed)
        self._output = TensorSpec("scores", (1, int(deployed.output.shape[-1])), "float32")

    def scores(self, frame: Frame) -> npt.NDArray[np.float32]:
        found: npt.NDArray[np.float32] = self.scores_batch([frame])[0]
        return found

    def scores_batch(self, frames: Sequence[Frame]) -> npt.NDArray[np.float32]:
        batch = np.stack([pixels(frame, self.card.preprocessing) for frame in frames])
        outputs = self._run(real_values(batch, self.card.preprocessing)).numpy()
        return np.stack([classification.scores(row, self._output, self.card.activation) for row in outputs])
