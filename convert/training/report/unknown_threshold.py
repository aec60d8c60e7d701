"""The score below which a trained model answers "unknown", chosen on images that it was not trained on."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from edgevision.datasets.dataset import Item
from edgevision.evaluation import false_positives
from edgevision.evaluation.intervals import FEW_IMAGES
from edgevision.evaluation.measures import classification_metrics
from edgevision.evaluation.records import CROSS_VALIDATION
from edgevision.evaluation.scorers import Scorer
from edgevision.evaluation.scoring import score
from edgevision.model_file.card import ModelCard
from edgevision.postprocessing import classification
from edgevision.preprocessing.transform import pixels
from edgevision.types import Frame, TensorSpec

from ..input.batches import real_values
from ..input.splits import DatasetSplits
from ..linear_probe.fit_linear import LinearFit
from ..negatives.negative_sets import NegativeSets
from ..negatives.rejection import Rejection, rejection, threshold_for
from ..network.network import for_inference

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float32]

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
    rejection: Rejection | None = None
    """What negatives are answered, if there are any: they chose the threshold."""

    def describe(self) -> str:
        """Return a sentence for the user."""
        share = f"{100 * self.precision:.0f} % of the answers were correct and {100 * self.recall:.0f} % of the images got one"
        on = f"on {self.pictures} {'cross-validated' if self.parts == (CROSS_VALIDATION,) else ' and '.join(self.parts)} images"
        said = f'scores below {self.value:.3g} are reported as "unknown"; above it, {share}, {on}'
        return said if self.rejection is None else f"{said}; {self.rejection.describe()}"

    def to_json(self) -> dict[str, Any]:
        """Return the fields as JSON values."""
        return {
            "value": self.value,
            "criterion": self.criterion,
            "precision": self.precision,
            "recall": self.recall,
            "pictures": self.pictures,
            "parts": list(self.parts),
            "negatives": None if self.rejection is None else self.rejection.to_json(),
        }


def choose_threshold(
    deployed: Any,
    card: ModelCard,
    learning: DatasetSplits,
    linear: LinearFit | None,
    negatives: NegativeSets | None,
    wanted: float,
) -> ChosenThreshold | None:
    """Return the threshold for a model; None with fewer than FEW_IMAGES images, or if no answer is right.

    The validation images choose it, and the test images with them if these are too few. A threshold changes the accuracy
    of a multi-label model, so there the test images never take part. With a linear head, the cross-validated scores of
    all images choose it. With ``negatives``, these choose it for the ``wanted`` rate of false alarms, and others measure it.
    """
    held_out = _cross_validated(linear, learning) if linear else _scored(deployed, card, learning)
    if held_out is None or len(held_out.scores) < FEW_IMAGES:
        return None
    if negatives is not None:
        return _for_false_alarms(deployed, card, held_out, negatives, wanted)
    nothing = np.zeros((0, held_out.scores.shape[1]), np.float32)
    found = classification_metrics(card, learning.goal.classes, held_out.scores, held_out.true, nothing).threshold
    if found.suggested is None or not found.precision or found.recall is None:
        return None
    value = math.floor(STEPS * found.suggested) / STEPS
    return ChosenThreshold(value, found.criterion, found.precision, found.recall, len(held_out.scores), held_out.parts)


def _for_false_alarms(
    deployed: Any, card: ModelCard, held_out: HeldOutScores, negatives: NegativeSets, wanted: float
) -> ChosenThreshold:
    """Return the threshold that the wanted share of negatives reaches, with its effect on photos of the classes."""
    scorer, background = _NetworkScorer(deployed, card), false_positives.background_class(card.labels)
    choosing, measuring = (
        false_positives.rejected_scores(score([scorer], items).scores[0], background)
        for items in (negatives.choose, negatives.measure)
    )
    value = threshold_for(choosing, wanted)
    best = held_out.scores.max(axis=1)
    answered = best >= np.float32(value)
    right = answered & (held_out.scores.argmax(axis=1) == held_out.true.argmax(axis=1))
    return ChosenThreshold(
        value,
        f"lowest that at most {100 * wanted:g} % of {len(choosing)} negatives reach",
        float(right.sum() / max(1, answered.sum())),
        float(right.mean()),
        len(best),
        held_out.parts,
        rejection(negatives.source, wanted, len(choosing), value, best, measuring),
    )


@dataclass(frozen=True, slots=True, eq=False)
class HeldOutScores:
    """Scores of images that took no part in the weights that gave them."""

    scores: Floats
    """(n, classes), 0..1"""
    true: npt.NDArray[np.bool_]
    """(n, classes)"""
    parts: tuple[str, ...]
    """Where the images are from: val, test or cross-validation."""


def _cross_validated(linear: LinearFit, learning: DatasetSplits) -> HeldOutScores | None:
    if linear.scores is None:
        return None
    items = (*learning.train, *learning.val)
    return HeldOutScores(linear.scores, _flags(items, learning.goal.classes), (CROSS_VALIDATION,))


def _scored(deployed: Any, card: ModelCard, learning: DatasetSplits) -> HeldOutScores | None:
    parts: tuple[str, ...] = ("val",)
    items: Sequence[Item] = learning.val
    if len(items) < FEW_IMAGES and card.task == "classification":
        parts, items = ("val", "test"), (*learning.val, *learning.test)
    if len(items) < FEW_IMAGES:
        return None
    found = score([_NetworkScorer(deployed, card)], items)
    return HeldOutScores(found.scores[0], _flags(found.items, learning.goal.classes), parts)


def _flags(items: Sequence[Item], classes: Sequence[str]) -> npt.NDArray[np.bool_]:
    return np.array([[name in item.labels for name in classes] for item in items]).reshape(len(items), len(classes))


class _NetworkScorer(Scorer):
    """A network that is not saved yet."""

    sha256 = ""

    def __init__(self, deployed: Any, card: ModelCard) -> None:
        self.card = card
        self._run = for_inference(deployed)
        self._output = TensorSpec("scores", (1, int(deployed.output.shape[-1])), "float32")

    def scores(self, frame: Frame) -> npt.NDArray[np.float32]:
        found: npt.NDArray[np.float32] = self.scores_batch([frame])[0]
        return found

    def scores_batch(self, frames: Sequence[Frame]) -> npt.NDArray[np.float32]:
        batch = np.stack([pixels(frame, self.card.preprocessing) for frame in frames])
        outputs = self._run(real_values(batch, self.card.preprocessing)).numpy()
        return np.stack([classification.scores(row, self._output, self.card.activation) for row in outputs])
