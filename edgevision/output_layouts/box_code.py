"""How boxes are written: as center and size, or as distributions of the distances from a cell to the four sides."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

import numpy as np

from .best_class import corners_of
from .box_unit import BoxUnit

if TYPE_CHECKING:
    from ..types import Tensor, TensorSpec
    from .layout import Floats, Integers
    from .parts import Level


class BoxCode(Protocol):
    """Turns what an output says about boxes into corners."""

    def corners(self, level: Level, outputs: Sequence[Tensor], kept: Integers) -> Floats:
        """Return left, top, right and bottom of some boxes in pixels of the model's input, (n, 4)."""


class CenterCode:
    """Center, width and height, in pixels of the model's input or from 0 to 1."""

    def __init__(self, spec: TensorSpec, width: int, height: int) -> None:
        self.unit = BoxUnit(spec, width, height)

    def corners(self, level: Level, outputs: Sequence[Tensor], kept: Integers) -> Floats:
        """Return the corners of some boxes."""
        self.look(level, outputs)
        boxes = corners_of(level.boxes.real(outputs, kept))
        return self.unit.to_pixels(boxes, boxes)

    def look(self, level: Level, outputs: Sequence[Tensor]) -> None:
        """Learn the unit from the centers of all boxes of a frame, if it is not known."""
        if not self.unit.known:
            every = level.boxes.real(outputs, np.arange(level.boxes.boxes))
            self.unit.to_pixels(every[:0], every[:, :2])


class DistributionCode:
    """Distances from the middle of the cell to left, top, right and bottom, each as logits of 0, 1, 2 ... strides.

    Source: X. Li et al., "Generalized Focal Loss", arXiv:2006.04388; used by NanoDet, PicoDet, YOLOv8 and later.
    """

    def __init__(self, middle: float = 0.5) -> None:
        """``middle``: where the distances start in a cell, 0 for its corner."""
        self._middle = middle

    def corners(self, level: Level, outputs: Sequence[Tensor], kept: Integers) -> Floats:
        """Return the corners of some boxes."""
        assert level.cells is not None
        bins = (level.boxes.channels.stop - level.boxes.channels.start) // 4
        logits = level.boxes.real(outputs, kept).reshape(kept.size, 4, bins)
        shares = np.exp(logits - logits.max(axis=2, keepdims=True))
        steps = np.arange(bins, dtype=np.float32)
        strides = level.cells.strides[kept]
        distances = (shares @ steps) / shares.sum(axis=2) * strides
        middles = level.cells.corners[kept] + self._middle * strides
        return np.hstack([middles - distances[:, :2], middles + distances[:, 2:]])
