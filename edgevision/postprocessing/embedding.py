"""Turn an output into an embedding: a vector of length 1, so that a dot product is the cosine similarity."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..errors import BadModel
from ..model_file.card import ModelCard
from ..tflite.outputs import OutputFacts, dequantize
from ..types import Prediction, TensorSpec

if TYPE_CHECKING:
    from ..types import Tensor


class EmbeddingDecoder:
    """Decodes the first output into a flat, L2-normalized vector, which does not depend on the output's scale."""

    def __init__(self, card: ModelCard, outputs: Sequence[TensorSpec], facts: OutputFacts) -> None:
        self._spec = outputs[0]
        if any(n < 1 for n in self._spec.shape[1:]) or len(self._spec.shape) < 2:
            raise BadModel(f"the output {self._spec.name} of shape {list(self._spec.shape)} is not a vector")

    def decode(self, outputs: Sequence[Tensor], size: tuple[int, int], top: int, threshold: float | None) -> Prediction:
        """Return the vector; all zeros stay zeros. Raises BadModel for NaN or infinity."""
        vector = dequantize(outputs[0], self._spec).reshape(-1).astype(np.float64)
        length = float(np.linalg.norm(vector))
        if not np.isfinite(length):
            raise BadModel(f"the output {self._spec.name} contains NaN or infinite values")
        unit = vector / length if length > 0.0 else vector
        return Prediction("embedding", embedding=tuple(round(float(value), 6) for value in unit))
