"""Turn a detector's outputs into objects: boxes in pixels of the frame, clipped to it, best first."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..model_file.card import ModelCard
from ..output_layouts.layout import MAX_CANDIDATES, CandidateKeypoints, Candidates, OutputView
from ..output_layouts.registry import open_layout
from ..output_layouts.suppression import DEFAULT_IOU, suppress
from ..preprocessing.geometry import Geometry, plan
from ..tflite.outputs import OutputFacts
from ..types import Detection, Keypoint, Prediction, TensorSpec
from . import score_calibration
from .instance_mask import instance_mask
from .segmentation import over_frame

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
        candidates = self._candidates(outputs, limit)
        found = (self._object(candidates, n, size) for n in self._best(candidates).tolist())
        return Prediction("detection", objects=tuple(one for one in found if one is not None))

    def _object(self, candidates: Candidates, n: int, size: tuple[int, int]) -> Detection | None:
        """Return one candidate as an object of a frame of this size; None if it is not one, or outside the frame."""
        preprocessing = self._card.preprocessing
        geometry = plan(*size, preprocessing)
        box = _on_frame(candidates.boxes[n], geometry, size)
        index = int(candidates.classes[n])
        if box is None or index < 0:
            return None
        mask = None
        if candidates.masks is not None:
            over_input = instance_mask(
                candidates.masks, n, candidates.boxes[n], preprocessing.width, preprocessing.height
            )
            mask = over_frame(over_input, preprocessing, size)
        return Detection(
            index,
            self._card.label(index),
            _unit(candidates.scores[n]),
            box,
            keypoints=() if candidates.keypoints is None else tuple(_keypoints(candidates.keypoints, n, geometry)),
            mask=mask,
        )

    def _candidates(self, outputs: Sequence[Tensor], limit: float) -> Candidates:
        if self._calibration is None:
            return self._layout.read(outputs, limit)
        every = self._layout.read(outputs, 0.0)
        scores = self._calibration.apply(every.scores, every.classes)
        return every._replace(scores=scores).take(scores >= limit)

    def _best(self, candidates: Candidates) -> Integers:
        """Return the positions of the boxes to keep, best first."""
        order = np.argsort(-candidates.scores, kind="stable")[:MAX_CANDIDATES]
        return suppress(candidates, order, self._iou) if self._layout.overlapping else order


def _keypoints(found: CandidateKeypoints, n: int, geometry: Geometry) -> Iterator[Keypoint]:
    """Yield the key points of one object in pixels of the frame."""
    for name, (x, y, score) in zip(found.names, found.values[n].tolist(), strict=True):
        if math.isfinite(x) and math.isfinite(y):
            left, top = geometry.to_frame(x, y)
            yield Keypoint(name, round(left, 3), round(top, 3), _unit(score) if math.isfinite(score) else None)


def _unit(score: float) -> float:
    """Limit a score to 0..1, since a quantized one may be slightly outside, and round it."""
    return round(min(1.0, max(0.0, float(score))), 6)


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
