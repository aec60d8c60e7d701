"""Read the feature vector (embedding) from a model's outputs, and the reference vectors from its file.

A classifier has it as a second output (``convert --with-embedding``), an embedding model as its only one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..errors import BadModel
from ..model_file.card import ModelCard
from ..tflite.outputs import dequantize
from ..types import TensorSpec

if TYPE_CHECKING:
    import numpy.typing as npt

    from ..types import Tensor

    Vectors = npt.NDArray[np.float32]

REFERENCES = "embedding_references.bin"
"""Archive entry with the vectors of calibration images, as the output stores them, one after the other."""
MAX_REFERENCES = 64
HOW = "convert it again with: edgevision convert --with-embedding"


class EmbeddingOutputReader:
    """Reads the vector from the outputs of one inference."""

    def __init__(self, card: ModelCard, outputs: Sequence[TensorSpec]) -> None:
        """Find the output. Raises BadModel if there is none."""
        if card.embedding is None and card.task != "embedding":
            raise BadModel(f"this model has no embedding output, which new classes are learned from; {HOW}")
        self.index = 0 if card.embedding is None else card.embedding.output
        if self.index >= len(outputs):
            raise BadModel(
                f"the card says that output {self.index} is the embedding, but the model has {len(outputs)} outputs; {HOW}"
            )
        self.spec = outputs[self.index]
        self.size = int(np.prod(self.spec.shape[1:])) if all(n > 0 for n in self.spec.shape[1:]) else 0
        if self.size < 1 or (card.embedding is not None and self.size != card.embedding.size):
            raise BadModel(f"the output {self.spec.name} of shape {list(self.spec.shape)} is not the card's embedding")

    def read(self, outputs: Sequence[Tensor]) -> Vectors:
        """Return the vector, (size,), of length 1; all zeros stay zeros. Raises BadModel for NaN or infinity."""
        vector = dequantize(outputs[self.index], self.spec).reshape(-1)
        if not np.isfinite(vector).all():
            raise BadModel(f"the output {self.spec.name} contains NaN or infinite values")
        return unit(vector)

    def references(self, files: Mapping[str, bytes]) -> Vectors:
        """Return the reference vectors in the model file, (n, size), of length 1; n may be 0. Raises BadModel."""
        data = files.get(REFERENCES, b"")
        stored = np.dtype(self.spec.dtype)
        row = self.size * stored.itemsize
        if len(data) % row or len(data) > MAX_REFERENCES * row:
            raise BadModel(f"{REFERENCES} in the model file is damaged; convert the model again")
        rows = np.frombuffer(data, stored).reshape(-1, self.size)
        return unit(dequantize(rows, self.spec))


def unit(vectors: Vectors) -> Vectors:
    """Scale vectors to length 1 along the last axis; zeros stay zeros."""
    lengths = np.linalg.norm(vectors.astype(np.float64), axis=-1, keepdims=True)
    scaled: Vectors = np.divide(vectors, lengths, out=np.zeros(vectors.shape), where=lengths > 0).astype(np.float32)
    return scaled
