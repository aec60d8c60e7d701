"""What drift is measured on: a model's scores for a frame and its features, each as at most SIZE numbers.

Longer vectors are projected on SIZE random directions, which keeps their distances to about 1 / sqrt(2 SIZE) = 9 %
(D. Achlioptas, "Database-friendly random projections", Journal of Computer and System Sciences 66, 2003).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from .classification import ClassificationDecoder
from .feature_vector import EmbeddingOutputReader
from .temporal import DEFAULT_THRESHOLD, evidence

if TYPE_CHECKING:
    import numpy.typing as npt

    from ..model_file.card import ModelCard
    from ..types import Tensor, TensorSpec
    from .decoder import Decoder

    Vector = npt.NDArray[np.float32]

SIZE = 64
SCORES, FEATURES = "scores", "features"
MEASURES = (FEATURES, SCORES)
"""What can drift, the more telling first."""


class DriftReader:
    """Reads the vectors of one model from the outputs of an inference."""

    def __init__(self, card: ModelCard, outputs: Sequence[TensorSpec], decoder: Decoder) -> None:
        """``decoder``: that of the model's own task. Raises BadModel."""
        self._card, self._decoder = card, decoder
        self._threshold = (card.threshold or DEFAULT_THRESHOLD) if card.task in ("detection", "points") else 0.0
        has_features = card.embedding is not None or card.task == "embedding"
        self._features = EmbeddingOutputReader(card, outputs) if has_features else None
        self.measures = tuple(
            name for name, there in ((FEATURES, has_features), (SCORES, card.task != "embedding")) if there
        )
        """The measures that the model has."""
        self._projections: dict[int, Vector] = {}

    def read(self, outputs: Sequence[Tensor], size: tuple[int, int]) -> dict[str, Vector]:
        """Return measure -> vector of one inference; ``size``: width and height of the frame (pixels). Raises BadModel."""
        found: dict[str, Vector] = {}
        if self._features is not None:
            found[FEATURES] = self._short(self._features.read(outputs))
        if SCORES in self.measures:
            found[SCORES] = self._short(self._scores(outputs, size))
        return found

    def _scores(self, outputs: Sequence[Tensor], size: tuple[int, int]) -> Vector:
        """Return the score of each class, whatever threshold the loop shows: of a detector its best object's."""
        if isinstance(self._decoder, ClassificationDecoder):
            return self._decoder.scores(outputs)
        count = max(1, len(self._card.labels))
        found = np.zeros(count, np.float32)
        for label in evidence(self._decoder.decode(outputs, size, count, self._threshold)).values():
            found[min(label.index, count - 1)] = label.score
        return found

    def _short(self, vector: Vector) -> Vector:
        if vector.size <= SIZE:
            return vector.astype(np.float32)
        if vector.size not in self._projections:
            self._projections[vector.size] = projection(vector.size)
        short: Vector = self._projections[vector.size] @ vector
        return short


def projection(size: int) -> Vector:
    """Return SIZE directions of ``size`` signs, (SIZE, size), scaled to keep lengths. The same on every machine."""
    stream = hashlib.shake_256(b"edgevision drift %d" % size).digest((SIZE * size + 7) // 8)
    bits = np.unpackbits(np.frombuffer(stream, np.uint8))[: SIZE * size].reshape(SIZE, size)
    signs: Vector = (bits.astype(np.float32) * 2 - 1) / np.float32(np.sqrt(SIZE))
    return signs


def spread(vectors: Vector) -> float:
    """Return the root mean square distance of two of the vectors (n, size); 0 for fewer than two."""
    if len(vectors) < 2:
        return 0.0
    return float(np.sqrt(2.0 * vectors.astype(np.float64).var(axis=0, ddof=1).sum()))
