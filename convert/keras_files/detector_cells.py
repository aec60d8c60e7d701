"""The cells of a detector that was trained here: one square anchor each, as its model card records them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from edgevision.errors import BadModel
from edgevision.files import strict_json

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float32]

STRIDES = (8, 16, 32)
"""Sides in pixels of the cells of each level of the feature pyramid."""
ANCHOR_SIDE = 3.0
"""Side of an anchor in strides, so that the anchors of the levels are 24, 48 and 96 pixels wide."""
SCALES = (10.0, 10.0, 5.0, 5.0)
"""Factors of the encoded values ty, tx, th, tw, as in the SSD models of the TensorFlow detection API.

W. Liu et al., 2016, SSD: Single Shot MultiBox Detector (arXiv:1512.02325), calls them variances.
"""
MAX_STRIDE, MAX_ANCHOR = 1024, 1000.0
"""Limits of what a card may name."""
MAX_LEVELS = 8


@dataclass(frozen=True, slots=True)
class CellGrid:
    """The cells of a square input, level by level, each level row by row."""

    image_size: int
    """Side of the input in pixels."""
    strides: tuple[int, ...] = STRIDES
    anchor_side: float = ANCHOR_SIDE
    """Side of an anchor in strides."""
    scales: tuple[float, float, float, float] = SCALES
    """Factors of ty, tx, th and tw."""

    @property
    def count(self) -> int:
        """Number of cells over all levels."""
        return sum((self.image_size // stride) ** 2 for stride in self.strides)

    def centers(self) -> Floats:
        """Return the centers of the cells, (n, 2) as x, y in pixels of the input."""
        return self.anchors_px()[:, :2]

    def cell_sides(self) -> Floats:
        """Return the stride of each cell, (n,) in pixels."""
        return self.anchors_px()[:, 2] / np.float32(self.anchor_side)

    def anchors_px(self) -> Floats:
        """Return the anchors, (n, 3) as center x, center y and side in pixels of the input."""
        levels = []
        for stride in self.strides:
            middle = (np.arange(self.image_size // stride) + 0.5) * stride
            y, x = (grid.ravel() for grid in np.meshgrid(middle, middle, indexing="ij"))
            levels.append(np.stack([x, y, np.full(x.shape, self.anchor_side * stride)], axis=1))
        return np.concatenate(levels).astype(np.float32)

    def anchors(self) -> Floats:
        """Return the anchors as TFLite_Detection_PostProcess reads them, (n, 4): center y, x, height, width, 0..1."""
        x, y, side = (self.anchors_px() / np.float32(self.image_size)).T
        return np.stack([y, x, side, side], axis=1)

    def to_json(self) -> dict[str, Any]:
        """Return the entry of the model card, without the size of the input, which is in its preprocessing."""
        return {"strides": list(self.strides), "anchor_side": self.anchor_side, "scales": list(self.scales)}


def grid_from_json(value: object, image_size: int) -> CellGrid:
    """Return the cells that a model card records. Raises BadModel."""
    try:
        found = strict_json.fields(value, "cells")
        strides = strict_json.items(found["strides"], "strides", MAX_LEVELS)
        scales = strict_json.items(found["scales"], "scales", len(SCALES))
        side = strict_json.real(found["anchor_side"], "anchor_side", 1 / MAX_ANCHOR, MAX_ANCHOR)
        y, x, h, w = (strict_json.real(scale, "scales", 1 / MAX_ANCHOR, MAX_ANCHOR) for scale in scales)
        whole = tuple(strict_json.whole(stride, "strides", 1, MAX_STRIDE) for stride in strides)
        if not whole:
            raise ValueError("strides: expected at least one")
    except (KeyError, TypeError, ValueError) as error:
        said = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        raise BadModel(f"the model card does not describe the cells of the detector ({said}); train it again") from None
    return CellGrid(image_size, whole, side, (y, x, h, w))
