"""Turn an output into an embedding: a vector of length 1, so that a dot product is the cosine similarity."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..card import ModelCard
from ..data import Prediction
from ..errors import BadModel
from ..tensors import TensorSpec
from .decoder import OutputFacts
from .dequantize import dequantize

if TYPE_CHECKING:
    from ..data import Tensor


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
