"""The images of an evaluation that had a part in making the model: counted apart, because a model knows them by heart."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..datasets.training_images import PARTS, TrainingImages
from .intervals import Proportion

if TYPE_CHECKING:
    import numpy.typing as npt

    Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class TrainedOn:
    """The images that the model was trained on or that chose between its weights."""

    train: int
    val: int
    accuracy: Proportion
    """Accuracy on them; it says little about new images."""
    counted_apart: bool
    """True if the other measures are of the other images only; False if there were no others."""

    def describe(self) -> str:
        """Return what the images are, such as ``80 images the model was trained on and 10 that chose its weights``."""
        return describe({"train": self.train, "val": self.val})

    def to_json(self) -> dict[str, Any]:
        """Return the fields as JSON values."""
        one = self.accuracy
        return {
            "train": self.train,
            "val": self.val,
            "counted_apart": self.counted_apart,
            "accuracy": {
                "value": one.value,
                "low": one.low,
                "high": one.high,
                "correct": one.count,
                "total": one.total,
            },
        }


def describe(counts: dict[str, int]) -> str:
    """Return the words for numbers of images by part."""
    words = {"train": "the model was trained on", "val": "that chose its weights"}
    known = [(counts.get(name, 0), words[name]) for name in PARTS if counts.get(name)]
    texts = [f"{count} image{'s' * (count != 1)} {text}" for count, text in known[:1]]
    texts += [f"{count} {text}" for count, text in known[1:]]
    return " and ".join(texts)


def parts(
    models: Sequence[TrainingImages], paths: Sequence[str], digests: Sequence[str], fingerprint: str
) -> list[str | None]:
    """Return for each image ``train`` or ``val`` if it made any of the models, else None."""
    named = list(zip(paths, digests, strict=True))
    each = [one.parts(named, fingerprint) for one in models]
    return [next((part for part in found if part), None) for found in zip(*each, strict=True)]


def counts(found: Sequence[str | None]) -> dict[str, int]:
    """Return the number of images of each part."""
    return dict(Counter(part for part in found if part))
