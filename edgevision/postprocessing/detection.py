"""Turn a detector's outputs into objects: boxes in pixels of the frame, clipped to it, best first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..model_file.card import ModelCard
from ..output_layouts.layout import MAX_CANDIDATES, Candidates, OutputView
from ..output_layouts.registry import open_layout
from ..output_layouts.suppression import DEFAULT_IOU, suppress
from ..preprocessing.geometry import Geometry, plan
from ..tflite.outputs import OutputFacts
from ..types import Detection, Prediction, TensorSpec
from . import score_calibration

if TYPE_CHECKING:
    from ..output_layouts.layout import Integers
    from ..types import Tensor

DEFAULT_THRESHOLD = 0.5
"""Threshold if neither the user nor the model sets one; detectors fill their list with boxes of meaningless scores."""


class DetectionDecoder:
    """Decodes the outputs of one detector into objects; ``top`` does not limit them, it is for classifiers."""

    def __init__(self, card: ModelCard, outputs: Sequence[TensorSpec], facts: OutputFacts) -> None:
        size = card.preprocessing.width, card.preprocessing.height
        view = OutputView(tuple(outputs), *size, len(card.labels), facts)
        detector = card.detector
        self._card = card
        self._layout = open_layout(view, detector.layout if detector else None)
        self._iou = detector.iou if detector and detector.iou is not None else DEFAULT_IOU
        self._threshold = DEFAULT_THRESHOLD if card.threshold is None else card.threshold
        self._calibration = score_calibration.find(facts.metadata, facts.files)

    def decode(self, outputs: Sequence[Tensor], size: tuple[int, int], top: int, threshold: float | None) -> Prediction:
        """Return the objects with scores of at least ``threshold``, best first, ties in the model's order."""
        limit = self._threshold if threshold is None else threshold
        boxes, scores, classes = self._candidates(outputs, limit)
        geometry = plan(*size, self._card.preprocessing)
        found: list[Detection] = []
        for n in self._best(Candidates(boxes, scores, classes)):
            box = _on_frame(boxes[n], geometry, size)
            if box is not None and classes[n] >= 0:
                index = int(classes[n])
                score = round(min(1.0, max(0.0, float(scores[n]))), 6)
                found.append(Detection(index, self._card.label(index), score, box))
        return Prediction("detection", objects=tuple(found))

    def _candidates(self, outputs: Sequence[Tensor], limit: float) -> Candidates:
        if self._calibration is None:
            return self._layout.read(outputs, limit)
        every = self._layout.read(outputs, 0.0)
        scores = self._calibration.apply(every.scores, every.classes)
        kept = scores >= limit
        return Candidates(every.boxes[kept], scores[kept], every.classes[kept])

    def _best(self, candidates: Candidates) -> Integers:
        """Return the positions of the boxes to keep, best first."""
        order = np.argsort(-candidates.scores, kind="stable")[:MAX_CANDIDATES]
        return suppress(candidates, order, self._iou) if self._layout.overlapping else order


def _on_frame(
    box: Sequence[float], geometry: Geometry, size: tuple[int, int]
) -> tuple[float, float, float, float] | None:
    """Convert a box from the model's input to pixels of the frame, clipped; None if it is outside the frame."""
    if not np.isfinite(box).all():
        return None
    left, top = geometry.to_frame(float(box[0]), float(box[1]))
    right, bottom = geometry.to_frame(float(box[2]), float(box[3]))
    width, height = size
    x0, x1 = (round(min(max(x, 0.0), float(width)), 3) for x in (left, right))
    y0, y1 = (round(min(max(y, 0.0), float(height)), 3) for y in (top, bottom))
    return (x0, y0, x1, y1) if x0 < x1 and y0 < y1 else None
