"""The predicted and the true boxes of one image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt


@dataclass(frozen=True, slots=True, eq=False)
class PredictedBoxes:
    """The boxes that a detector predicted in one image, in any order. Raises ValueError."""

    boxes: npt.NDArray[np.floating]
    """Corners x0, y0, x1, y1 in pixels, shape (n, 4)."""
    scores: npt.NDArray[np.floating]
    """Scores, higher is better, shape (n,)."""
    classes: npt.NDArray[np.integer]
    """Class indices, shape (n,)."""

    def __post_init__(self) -> None:
        _require_shapes(self.boxes, scores=self.scores, classes=self.classes)


@dataclass(frozen=True, slots=True, eq=False)
class TrueBoxes:
    """The boxes that an annotator drew in one image. Raises ValueError."""

    boxes: npt.NDArray[np.floating]
    """Corners x0, y0, x1, y1 in pixels, shape (n, 4)."""
    classes: npt.NDArray[np.integer]
    """Class indices, shape (n,)."""
    ignored: npt.NDArray[np.bool_]
    """Whether finding the object counts neither for nor against a detector (``difficult``, ``iscrowd``), shape (n,)."""

    def __post_init__(self) -> None:
        _require_shapes(self.boxes, classes=self.classes, ignored=self.ignored)


def _require_shapes(boxes: npt.NDArray[np.generic], **per_box: npt.NDArray[np.generic]) -> None:
    if boxes.ndim != 2 or boxes.shape[1] != 4:
        raise ValueError(f"boxes: expected shape (n, 4), got {boxes.shape}")
    if not np.isfinite(boxes).all():
        raise ValueError("boxes: expected finite numbers, got NaN or infinity")
    for name, values in per_box.items():
        if values.shape != (len(boxes),):
            raise ValueError(f"{name}: expected shape ({len(boxes)},), one per box, got {values.shape}")
        if values.dtype.kind == "f" and np.isnan(values).any():
            raise ValueError(f"{name}: expected numbers, got NaN")
