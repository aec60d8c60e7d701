"""The cells of the grids over a model's input, in the order in which outputs list them: grid by grid, row by row."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from .layout import Floats


class Cells(NamedTuple):
    """Places of the cells of one or more grids."""

    corners: Floats
    """x and y of the upper left corner of each cell in pixels of the model's input, (n, 2)."""
    strides: Floats
    """Width and height of each cell in pixels of the model's input, (n, 1)."""


def cells_of(width: int, height: int, strides: tuple[int, ...]) -> Cells:
    """Return the cells of all grids over an input of this size (pixels)."""
    corners, sides = [], []
    for stride in strides:
        rows, columns = -(-height // stride), -(-width // stride)
        y, x = np.mgrid[:rows, :columns].reshape(2, -1)
        corners.append(np.stack([x, y], axis=1) * stride)
        sides.append(np.full((rows * columns, 1), stride))
    return Cells(np.concatenate(corners).astype(np.float32), np.concatenate(sides).astype(np.float32))
