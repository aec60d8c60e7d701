"""Turn a detector's outputs into objects: boxes in pixels of the frame, clipped to it, best first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..errors import BadModel
from ..model_file.card import ModelCard
from ..preprocessing.geometry import Geometry, plan
from ..tflite.detection_outputs import corners, find_outputs
from ..tflite.outputs import OutputFacts, dequantize
from ..types import Detection, Prediction, TensorSpec
from . import score_calibration

if TYPE_CHECKING:
    import numpy.typing as npt

    from ..types import Tensor

    Values = npt.NDArray[np.float32]

DEFAULT_THRESHOLD = 0.5
"""Threshold if neither the user nor the model sets one; detectors fill their list with boxes of meaningless scores."""


class DetectionDecoder:
    """Decodes the outputs of one detector into objects; ``top`` does not limit them, it is for classifiers."""

    def __init__(self, card: ModelCard, outputs: Sequence[TensorSpec], facts: OutputFacts) -> None:
        self._card, self._specs = card, tuple(outputs)
        self._where = find_outputs(self._specs, facts)
        self._threshold = DEFAULT_THRESHOLD if card.threshold is None else card.threshold
        self._calibration = score_calibration.find(facts.metadata, facts.files)

    def decode(self, outputs: Sequence[Tensor], size: tuple[int, int], top: int, threshold: float | None) -> Prediction:
        """Return the objects with scores of at least ``threshold``, best first, ties in the model's order."""
        limit = self._threshold if threshold is None else threshold
        boxes, classes, scores = self._read(outputs)
        geometry = plan(*size, self._card.preprocessing)
        found: list[Detection] = []
        for n in np.argsort(-scores, kind="stable"):
            if not scores[n] >= limit:  # also skips NaN
                continue
            box = _on_frame(boxes[n], geometry, size)
            if box is not None and np.isfinite(classes[n]) and classes[n] >= 0:
                index = int(classes[n] + 0.5)
                score = round(min(1.0, max(0.0, float(scores[n]))), 6)
                found.append(Detection(index, self._card.label(index), score, box))
        return Prediction("detection", objects=tuple(found))

    def _read(self, outputs: Sequence[Tensor]) -> tuple[Values, Values, Values]:
        """Return boxes (n, 4) in pixels of the model's input, classes (n,), scores (n,)."""
        where, preprocessing = self._where, self._card.preprocessing
        boxes, classes, scores = (
            dequantize(outputs[n], self._specs[n]) for n in (where.boxes, where.classes, where.scores)
        )
        if boxes.size != 4 * scores.size or classes.size != scores.size:
            shapes = ", ".join(str(list(part.shape)) for part in (boxes, classes, scores))
            raise BadModel(f"boxes, classes and scores have shapes that do not fit together: {shapes}")
        count = scores.size if where.count is None else self._count(outputs[where.count], where.count, scores.size)
        boxes, classes, scores = boxes.reshape(-1, 4)[:count], classes.reshape(-1)[:count], scores.reshape(-1)[:count]
        if self._calibration is not None:
            scores = self._calibration.apply(scores, classes)
        return corners(boxes, where.box, preprocessing.width, preprocessing.height), classes, scores

    def _count(self, output: Tensor, number: int, most: int) -> int:
        values = dequantize(output, self._specs[number]).reshape(-1)
        return int(np.clip(np.nan_to_num(values[0]), 0, most)) if values.size else 0


def _on_frame(box: Values, geometry: Geometry, size: tuple[int, int]) -> tuple[float, float, float, float] | None:
    """Convert a box from the model's input to pixels of the frame, clipped; None if it is outside the frame."""
    if not np.isfinite(box).all():
        return None
    left, top = geometry.to_frame(float(box[0]), float(box[1]))
    right, bottom = geometry.to_frame(float(box[2]), float(box[3]))
    width, height = size
    x0, x1 = (round(min(max(x, 0.0), float(width)), 3) for x in (left, right))
    y0, y1 = (round(min(max(y, 0.0), float(height)), 3) for y in (top, bottom))
    return (x0, y0, x1, y1) if x0 < x1 and y0 < y1 else None
