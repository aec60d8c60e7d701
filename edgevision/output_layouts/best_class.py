"""The best class of each box, compared as stored, so that only boxes over the threshold are converted to real values."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from ..errors import BadModel
from ..tflite.outputs import dequantize
from ..types import TensorSpec
from .layout import MAX_CANDIDATES

if TYPE_CHECKING:
    from ..types import Tensor
    from .layout import Floats, Integers


def stored_limit(limit: float, spec: TensorSpec) -> float:
    """Return the smallest stored value whose real value is at least ``limit``."""
    if not spec.quantized:
        return limit
    # A real value that equals the limit but for rounding counts as equal.
    return math.ceil(limit / spec.scale + spec.zero_point - 1e-4)


def best_classes(scores: Tensor, spec: TensorSpec, limit: float) -> tuple[Integers, Integers, Floats]:
    """Return which boxes have a score of at least ``limit``, their best class (the lowest of equal ones) and its score.

    ``scores``: as stored, (classes, boxes). At most MAX_CANDIDATES boxes are returned, the best ones. Raises BadModel.
    """
    highest = scores.max(axis=0)
    refuse_nan(highest)
    kept = np.flatnonzero(highest >= stored_limit(limit, spec))
    kept = kept[strongest(highest[kept])]
    return kept, scores[:, kept].argmax(axis=0), dequantize(highest[kept], spec)


def refuse_nan(scores: Tensor) -> None:
    """Raise BadModel for scores that are not numbers: the others of the frame cannot be trusted, either."""
    if scores.dtype.kind == "f" and np.isnan(scores).any():
        raise BadModel(
            "the model returned scores that are not numbers (NaN); its weights are damaged, or its runtime is"
        )


def strongest(scores: Tensor) -> Integers:
    """Return the positions of the highest MAX_CANDIDATES values, in their order."""
    if scores.size <= MAX_CANDIDATES:
        return np.arange(scores.size)
    return np.sort(np.argpartition(-scores.astype(np.float32), MAX_CANDIDATES)[:MAX_CANDIDATES])


def corners_of(centered: Floats) -> Floats:
    """Convert center, width and height to left, top, right and bottom; (n, 4)."""
    half = centered[:, 2:] / 2
    return np.hstack([centered[:, :2] - half, centered[:, :2] + half])
