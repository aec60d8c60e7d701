"""Rows of raw YOLO outputs: which axis counts the cells of the grids, and how many boxes each cell has."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ..types import TensorSpec

if TYPE_CHECKING:
    from .layout import Floats

STRIDES = ((8, 16, 32), (8, 16, 32, 64), (4, 8, 16, 32), (16, 32), (8, 16), (8,), (16,), (32,), (64,))
"""Pixels of the input per cell, by grid, of the networks in use."""
ANCHORS = (1, 3)
"""Boxes per cell: one without anchors, three with them."""


class Rows(NamedTuple):
    """How a two-dimensional output lists boxes."""

    boxes: int
    """Number of boxes."""
    channels: int
    """Numbers per box."""
    channels_first: bool
    """Whether the output is (channels, boxes), not (boxes, channels)."""
    per_cell: int
    """Boxes per cell; 0 if the number of boxes fits no grid."""
    strides: tuple[int, ...]
    """Strides of the grids; empty if the number of boxes fits none."""


def plain_shape(spec: TensorSpec) -> tuple[int, ...]:
    """Return the shape without batch and without dimensions of size 1."""
    return tuple(size for size in spec.shape[1:] if size != 1)


def find_rows(spec: TensorSpec, width: int, height: int, forced: bool = False) -> Rows | None:
    """Return how an output lists the boxes of an input of this size; None if it does not.

    ``forced``: accept numbers of boxes that fit no grid; the longer axis then counts them.
    """
    sizes = plain_shape(spec)
    if len(sizes) != 2 or min(sizes) < 1 or spec.shape[0] not in (1, -1):
        return None
    for axis in (1, 0) if sizes[1] >= sizes[0] else (0, 1):
        for per_cell in ANCHORS:
            for strides in STRIDES:
                if sizes[axis] == per_cell * cells(width, height, strides):
                    return Rows(sizes[axis], sizes[1 - axis], axis == 1, per_cell, strides)
    if not forced:
        return None
    axis = int(sizes[1] > sizes[0])
    return Rows(sizes[axis], sizes[1 - axis], axis == 1, 0, ())


def cells(width: int, height: int, strides: tuple[int, ...]) -> int:
    """Return the number of cells of all grids over an input of this size (pixels)."""
    return sum(-(-width // stride) * -(-height // stride) for stride in strides)


def cell_centers(width: int, height: int, stride: int) -> Floats:
    """Return x and y of the middles of a grid's cells (pixels of the input), row by row, (cells, 2)."""
    y, x = np.mgrid[: -(-height // stride), : -(-width // stride)].reshape(2, -1)
    return np.asarray((np.stack([x, y], axis=1) + 0.5) * stride, np.float32)
