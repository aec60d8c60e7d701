"""Turn a segmenter's output into a class mask over the frame and the share of each class."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..errors import BadModel
from ..model_file.card import ModelCard
from ..preprocessing.geometry import plan
from ..preprocessing.spec import Preprocessing
from ..tflite.outputs import MAX_CLASSES, OutputFacts, dequantize, mask_kind
from ..types import Prediction, Region, TensorSpec

if TYPE_CHECKING:
    import numpy.typing as npt

    from ..types import Pixels, Tensor

UNSEEN = 255
"""Mask value of a pixel that the model did not see, because its preprocessing crops."""
FOREGROUND = 0.5
"""Threshold for a single plane of scores if neither the user nor the model sets one."""


class SegmentationDecoder:
    """Decodes the output of one segmenter into a mask and regions.

    (1, height, width[, 1]) integers are classes, from a graph that ends in an argmax. (1, height, width, classes) are
    scores; the best one wins, ties go to the lowest index. A single plane of scores means two classes: no and yes.
    """

    def __init__(self, card: ModelCard, outputs: Sequence[TensorSpec], facts: OutputFacts) -> None:
        self._card, self._spec = card, outputs[0]
        self._kind = mask_kind(self._spec)
        if self._kind == "plane" and card.labels and len(card.labels) != 2:
            raise BadModel(f"expected 2 labels (no, yes) for a single plane of scores, got {len(card.labels)}")
        self._threshold = FOREGROUND if card.threshold is None else card.threshold

    def decode(self, outputs: Sequence[Tensor], size: tuple[int, int], top: int, threshold: float | None) -> Prediction:
        """Return the mask and its regions, largest first. ``threshold`` applies to a single plane of scores."""
        classes = self._classes(outputs[0], self._threshold if threshold is None else threshold)
        mask = over_frame(classes, self._card.preprocessing, size)
        return Prediction("segmentation", regions=self._regions(mask), mask=mask)

    def _classes(self, output: Tensor, threshold: float) -> Pixels:
        """Return the class of each pixel of the output, (height, width)."""
        if self._kind == "scores":
            # Stored values have the same order as the real ones.
            return np.asarray(output[0].argmax(axis=-1), np.uint8)
        plane = output.reshape(output.shape[1:3])
        if self._kind == "plane":
            values = dequantize(plane, self._spec)
            if self._card.activation in ("logits", "sigmoid_logits"):
                values = np.asarray(1.0 / (1.0 + np.exp(-np.clip(values, -80.0, 80.0))), np.float32)
            return np.asarray(values >= threshold, np.uint8)
        low, high = int(plane.min()), int(plane.max())
        if low < 0 or high >= MAX_CLASSES:
            raise BadModel(f"expected a segmenter's classes to be 0 to {MAX_CLASSES - 1}, got {low} to {high}")
        return plane.astype(np.uint8)

    def _regions(self, mask: Pixels) -> tuple[Region, ...]:
        counts = np.bincount(mask.reshape(-1), minlength=UNSEEN + 1)[:UNSEEN]
        order = [int(i) for i in np.argsort(-counts, kind="stable") if counts[i]]
        area = {i: round(float(counts[i]) / mask.size, 6) for i in order}
        return tuple(Region(i, self._card.label(i), area[i], int(counts[i])) for i in order)


def over_frame(classes: Pixels, preprocessing: Preprocessing, size: tuple[int, int]) -> Pixels:
    """Convert a mask over the model's input to one over the whole frame.

    It keeps the model's resolution. The border of a letterbox is removed; if the model saw only a part of the frame, the
    rest is UNSEEN, and the mask is no finer than the frame. ``size``: width and height of the frame (pixels).
    """
    geometry = plan(*size, preprocessing)
    x, y, w, h = geometry.target
    rows, columns = classes.shape
    part = classes[_span(y, h, preprocessing.height, rows), _span(x, w, preprocessing.width, columns)]
    if preprocessing.resize != "crop":
        return np.ascontiguousarray(part)
    x, y, w, h = geometry.source
    part = stretch(part, min(w, part.shape[1]), min(h, part.shape[0]))
    across, down = part.shape[1] / w, part.shape[0] / h
    left, top = round(x * across), round(y * down)
    right, bottom = round((size[0] - x - w) * across), round((size[1] - y - h) * down)
    return np.pad(part, ((top, bottom), (left, right)), constant_values=UNSEEN)


def stretch(mask: Pixels, width: int, height: int) -> Pixels:
    """Resize a mask by the nearest pixel, since classes cannot be interpolated."""
    rows, columns = nearest_pixels(mask.shape[0], height), nearest_pixels(mask.shape[1], width)
    resized: Pixels = mask[rows[:, np.newaxis], columns]
    return resized


def nearest_pixels(pixels: int, length: int) -> npt.NDArray[np.int64]:
    """Return which of ``pixels`` in a row is the nearest to each pixel of a resized row of this length."""
    return (2 * np.arange(length) + 1) * pixels // (2 * length)


def _span(start: int, length: int, whole: int, pixels: int) -> slice:
    """Scale the range ``start`` .. ``start + length`` of ``whole`` to ``pixels``; never empty."""
    first = min(round(start * pixels / whole), pixels - 1)
    return slice(first, max(first + 1, round((start + length) * pixels / whole)))
