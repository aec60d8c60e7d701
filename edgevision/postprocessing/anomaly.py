"""Turn patch features into an anomaly score and a heat map: the distance of each patch to the nearest patch of good images.

K. Roth et al., "Towards Total Recall in Industrial Anomaly Detection" (PatchCore), CVPR 2022. The core set is in the file's
archive, as the output stores its rows, and the distances are computed in float32: a distance is a small difference of large
numbers, which eight bits in the graph would lose.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..errors import BadModel
from ..tflite.outputs import dequantize
from ..types import Anomaly, Label, Prediction
from .core_set import CoreSet

if TYPE_CHECKING:
    import numpy.typing as npt

    from ..model_file.card import ModelCard
    from ..tflite.outputs import OutputFacts
    from ..types import Tensor, TensorSpec

CORE_SET = "anomaly_core_set.bin"
"""Archive entry with the patches of good images, one after the other."""
THRESHOLD = 0.5
"""Score at the distance limit of the card."""


class AnomalyDecoder:
    """Decodes the patch features of one image, (1, rows, columns, features)."""

    def __init__(self, card: ModelCard, outputs: Sequence[TensorSpec], facts: OutputFacts) -> None:
        """Read the core set. Raises BadModel."""
        self._card, self._spec = card, outputs[0]
        shape, data = self._spec.shape, facts.files.get(CORE_SET, b"")
        if card.anomaly is None or len(shape) != 4 or min(shape) < 1:
            raise BadModel(
                f"a model for anomalies has patch features [1, rows, columns, features] and a limit in its card, "
                f"got {list(shape)}; make it with edgevision train --task anomaly"
            )
        row = shape[3] * np.dtype(self._spec.dtype).itemsize
        if not data or len(data) != card.anomaly.patches * row:
            raise BadModel(
                f"{CORE_SET} has {len(data)} bytes, expected {card.anomaly.patches} patches of {row}; train the model again"
            )
        rows = np.frombuffer(data, self._spec.dtype).reshape(-1, shape[3])
        self._core = CoreSet(dequantize(rows, self._spec).astype(np.float32), shape[1] * shape[2])
        self._limit = card.anomaly.limit
        self._threshold = THRESHOLD if card.threshold is None else card.threshold

    def decode(self, outputs: Sequence[Tensor], size: tuple[int, int], top: int, threshold: float | None) -> Prediction:
        """Return the score, the heat map and the label of an anomaly if its score reaches the threshold."""
        limit = self._threshold if threshold is None else threshold
        distances = self.distances(outputs)
        heat = (distances / (distances + self._limit)).astype(np.float32)
        score = round(float(heat.max()), 6)
        found = Anomaly(score, limit, box_around_peak(heat, limit, size))
        labels = (Label(0, self._card.label(0), score),) if score >= limit and top > 0 else ()
        return Prediction("anomaly", labels, anomaly=found, heat=heat)

    def distances(self, outputs: Sequence[Tensor]) -> npt.NDArray[np.float32]:
        """Return the distance of each patch to the nearest of the core set, (rows, columns). Raises BadModel."""
        patches = dequantize(outputs[0], self._spec).reshape(-1, self._spec.shape[3]).astype(np.float32)
        if not np.isfinite(patches).all():
            raise BadModel(f"the output {self._spec.name} contains NaN or infinite values")
        return self._core.distances(patches).reshape(self._spec.shape[1:3])


def box_around_peak(
    heat: npt.NDArray[np.float32], threshold: float, size: tuple[int, int]
) -> tuple[float, float, float, float] | None:
    """Return the box (x0, y0, x1, y1), in pixels of the frame, of the connected patches from the threshold on around the peak.

    None if no patch reaches the threshold. The heat map covers the whole frame.
    """
    import cv2

    above = (heat >= threshold).astype(np.uint8)
    row, column = np.unravel_index(int(heat.argmax()), heat.shape)
    if not above[row, column]:
        return None
    _, numbers = cv2.connectedComponents(above)
    rows, columns = np.nonzero(numbers == numbers[row, column])
    high, wide = size[1] / heat.shape[0], size[0] / heat.shape[1]
    edges = columns.min() * wide, rows.min() * high, (columns.max() + 1) * wide, (rows.max() + 1) * high
    x0, y0, x1, y1 = (round(float(edge), 2) for edge in edges)
    return x0, y0, x1, y1
