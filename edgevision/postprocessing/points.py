"""Turn a grid of cells into points: where things are, without their sizes, as FOMO of Edge Impulse finds them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..errors import BadModel
from ..model_file.card import ModelCard
from ..preprocessing.geometry import plan
from ..tflite.outputs import OutputFacts, cell_classes, dequantize
from ..types import Point, Prediction, TensorSpec
from .cell_groups import group_cells

if TYPE_CHECKING:
    import numpy.typing as npt

    from ..types import Tensor

DEFAULT_THRESHOLD = 0.5
"""Threshold if neither the user nor the model sets one; that of Edge Impulse."""
MERGE_LEVEL = 0.5
"""Score from which neighboring cells are one thing, as in Edge Impulse's library. The threshold does not change it, so that
another one hides or shows points, but moves none: precision and recall measured at a threshold are those of a run."""


class PointsDecoder:
    """Decodes one output (1, rows, columns, 1 + classes), whose first class is the background."""

    def __init__(self, card: ModelCard, outputs: Sequence[TensorSpec], facts: OutputFacts) -> None:
        if len(outputs) != 1:
            raise BadModel(f"expected one output with a grid of cells, got {len(outputs)} outputs")
        cell_classes(outputs[0])
        self._card, self._spec = card, outputs[0]
        self._threshold = DEFAULT_THRESHOLD if card.threshold is None else card.threshold

    def decode(self, outputs: Sequence[Tensor], size: tuple[int, int], top: int, threshold: float | None) -> Prediction:
        """Return the points with scores of at least ``threshold``, best first."""
        limit = self._threshold if threshold is None else threshold
        scores = self._scores(outputs[0])
        rows, columns = scores.shape[1:]
        preprocessing, geometry = self._card.preprocessing, plan(*size, self._card.preprocessing)
        found = []
        for group in group_cells(scores, MERGE_LEVEL, limit):
            x, y = geometry.to_frame(
                group.x / columns * preprocessing.width,
                group.y / rows * preprocessing.height,
            )
            if 0.0 <= x <= size[0] and 0.0 <= y <= size[1]:  # not in the border of a letterbox
                score = round(min(1.0, max(0.0, group.score)), 6)
                name = self._card.label(group.channel)
                found.append(Point(group.channel, name, score, round(x, 3), round(y, 3)))
        return Prediction("points", points=tuple(found))

    def _scores(self, output: Tensor) -> npt.NDArray[np.float32]:
        """Return the scores without those of the background, (classes, rows, columns)."""
        values = dequantize(output[0], self._spec)
        if not np.isfinite(values).all():
            raise BadModel("the model returned scores that are not numbers (NaN or infinite)")
        if self._card.activation == "logits":
            powers = np.exp(values - values.max(axis=-1, keepdims=True))
            values = powers / powers.sum(axis=-1, keepdims=True)
        return np.ascontiguousarray(values[..., 1:].transpose(2, 0, 1), np.float32)
