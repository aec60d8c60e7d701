"""Rank a model's own classes and the classes taught on the device together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from ..errors import BadInput
from ..model_file.card import ModelCard
from ..types import Label, Prediction, TensorSpec
from .classification import ClassificationDecoder
from .decoder import Decoder
from .feature_vector import EmbeddingOutputReader
from .imprinting import Imprints, combine

if TYPE_CHECKING:
    from ..types import Tensor


class TaughtDecoder:
    """Adds taught classes to the labels of the model's own decoder.

    Their indices follow those of the model's own classes, and do not change when another taught class is forgotten.
    """

    def __init__(self, own: Decoder, card: ModelCard, outputs: Sequence[TensorSpec], imprints: Imprints) -> None:
        """Raise BadInput for a task without labels, BadModel if the model has no embedding."""
        if not isinstance(own, ClassificationDecoder) and card.task != "embedding":
            raise BadInput(f"only a classifier or an embedding model can learn new classes, got a {card.task} model")
        self._own, self._card, self._imprints = own, card, imprints
        self._reader = EmbeddingOutputReader(card, outputs)
        self._threshold = card.threshold or 0.0

    def decode(self, outputs: Sequence[Tensor], size: tuple[int, int], top: int, threshold: float | None) -> Prediction:
        """Return at most ``top`` labels with scores of at least ``threshold``, best first, ties by lowest index."""
        limit = self._threshold if threshold is None else threshold
        own = self._own.scores(outputs) if isinstance(self._own, ClassificationDecoder) else np.zeros(0, np.float32)
        evidence = self._imprints.evidence(self._reader.read(outputs))
        scores = combine(own, evidence, exclusive=self._card.task != "multilabel")
        order = np.argsort(-scores, kind="stable")[:top]
        labels = tuple(self._label(int(i), own.size, float(scores[i])) for i in order if scores[i] >= limit)
        if self._card.task != "embedding":
            return Prediction(self._card.task, labels)
        return replace(self._own.decode(outputs, size, top, threshold), labels=labels)

    def _label(self, column: int, own: int, score: float) -> Label:
        score = round(min(1.0, max(0.0, score)), 6)
        if column < own:
            return Label(column, self._card.label(column), score)
        taught = self._imprints.classes[column - own]
        return Label(own + taught.number, taught.name, score)
