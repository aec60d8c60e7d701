"""The unit of box values: pixels of the input or proportions of it. Shapes do not show it, but values do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..errors import BadModel
from ..types import TensorSpec

if TYPE_CHECKING:
    from .layout import Floats

BEYOND = 2.0
"""Proportions stay below, since boxes hardly leave the image; the coordinates of boxes in pixels exceed it."""
MAX_SCORE_STEP = 0.05
"""Largest distance between two stored scores with which a threshold still means something."""


class BoxUnit:
    """Scales the boxes of one output to pixels of the model's input."""

    def __init__(self, spec: TensorSpec, width: int, height: int) -> None:
        self._sides = np.array([width, height, width, height], np.float32)
        self._pixels: bool | None = False if spec.quantized and reach(spec) <= BEYOND else None

    @property
    def known(self) -> bool:
        """Whether the unit is known."""
        return self._pixels is not None

    def to_pixels(self, boxes: Floats, every: Floats) -> Floats:
        """Return boxes (n, 4) in pixels.

        ``every``: coordinates of all boxes of the frame, whatever their score. They tell the unit: the cells of a grid cover
        the whole input, so that one of them is beyond 2 pixels. The first frame decides, and later ones need not give them.
        """
        if self._pixels is None:
            highest = float(every.max(initial=0.0))
            if not highest > 0.0:  # an empty list, or NaN
                return boxes * self._sides
            self._pixels = highest > BEYOND
        return boxes if self._pixels else boxes * self._sides


def reach(spec: TensorSpec) -> float:
    """Return the largest value that a quantized output can hold."""
    return spec.scale * (np.iinfo(spec.dtype).max - spec.zero_point)


def refuse_coarse_scores(spec: TensorSpec) -> None:
    """Raise BadModel for a quantized output whose one scale, meant for boxes in pixels, leaves nothing of the scores."""
    if spec.quantized and spec.scale > MAX_SCORE_STEP:
        raise BadModel(
            f"the int8 quantization of the output {spec.name[:60]} ruins the scores: boxes in pixels share one scale with "
            f"them, so that a score is a multiple of {spec.scale:.3g}; export the model with boxes from 0 to 1 or with "
            "float outputs, or use the float model"
        )
