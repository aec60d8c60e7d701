"""What a model says of the images: proposals for the page, and feature vectors for the check of labels."""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, Protocol

from edgevision.errors import BadModel
from edgevision.preprocessing import decode

from ..collection.quota_store import folder_name
from .records import Guess

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from edgevision.model_file.card import ModelCard
    from edgevision.types import Frame, Prediction

TASKS = ("classification", "multilabel", "detection", "embedding")
"""Tasks of models that can be used; one that only gives feature vectors serves the check."""
SHOWN = 5
"""Labels that are proposed for an image."""
MAX_OFFERED = 100
"""Most classes of a model that are offered for every image; of a model with more, only its guesses are."""
KEPT = 500
"""Answers that are kept, so that going back is quick."""


class Predictor(Protocol):
    """A model, or one that is shared with a loop."""

    @property
    def path(self) -> Path:
        """The model file."""

    @property
    def sha256(self) -> str:
        """SHA-256 of the file."""

    @property
    def card(self) -> ModelCard:
        """The model card."""

    def predict(self, image: Frame, top: int = 5, threshold: float | None = None) -> Prediction:
        """Return what the model says of an image. Raises EngineError, BadInput."""

    def embed(self, image: Frame) -> npt.NDArray[np.float32]:
        """Return the feature vector of an image. Raises BadModel, BadInput, EngineError."""


class Guesser:
    """Asks a model about images of a folder. Safe to use from several threads."""

    def __init__(self, model: Predictor, root: Path) -> None:
        """Raises BadModel for a model that neither classifies images nor finds objects."""
        if model.card.task not in TASKS:
            raise BadModel(
                f"{model.path} is a {model.card.task} model; labeling needs a classifier, or a detector for boxes"
            )
        self.model, self._root = model, root
        self._lock = Lock()
        self._kept: OrderedDict[str, dict[str, Any]] = OrderedDict()

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the model's classes, as folders are called; none for a model of very many."""
        labels = self.model.card.labels
        names = labels if self.finds_boxes else tuple(folder_name(one) for one in labels)
        return names if len(names) <= MAX_OFFERED else ()

    @property
    def finds_boxes(self) -> bool:
        """Whether the model is a detector."""
        return self.model.card.task == "detection"

    def guess(self, path: str) -> dict[str, Any]:
        """Return ``labels`` with their scores, best first, and ``boxes`` in pixels. Raises EdgeVisionError."""
        with self._lock:
            if path in self._kept:
                self._kept.move_to_end(path)
                return self._kept[path]
            made = self._ask(path)
            self._kept[path] = made
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
            return made

    def best(self, path: str) -> Guess | None:
        """Return the label that was proposed for an image, if the model was asked."""
        with self._lock:
            labels = self._kept.get(path, {}).get("labels") or [None]
        first = labels[0]
        return None if first is None else Guess(first["label"], first["score"], self.model.sha256)

    def vector(self, path: str) -> npt.NDArray[np.float32]:
        """Return the feature vector of an image. Raises BadModel if the model has none, EdgeVisionError."""
        return self.model.embed(decode.read(self._root / path))

    def _ask(self, path: str) -> dict[str, Any]:
        frame = decode.read(self._root / path)
        if self.model.card.task == "embedding" or not self.model.card.labels:  # numbers would become folders
            return {"labels": [], "boxes": []}
        if not self.finds_boxes:
            said = self.model.predict(frame, SHOWN, 0.0)
            labels = [{"label": folder_name(one.name), "score": round(one.score, 4)} for one in said.labels]
            return {"labels": labels, "boxes": []}
        said = self.model.predict(frame)
        boxes = [
            {"label": one.name, "score": round(one.score, 4), "box": [round(float(edge), 2) for edge in one.box]}
            for one in said.objects
        ]
        return {"labels": [], "boxes": boxes}
