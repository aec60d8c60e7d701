"""The outputs of a detector as tables of boxes: one for all grids, or one for each grid."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from .grid import Rows, find_rows
from .parts import Part, part

if TYPE_CHECKING:
    from ..types import Tensor, TensorSpec
    from .layout import OutputView

GRID_STRIDES = (4, 8, 16, 32, 64, 128)
"""Pixels of the input per cell of an output that has the form of a grid."""
PROTOTYPE_STRIDE = 4
"""Pixels of the input per pixel of a prototype mask."""


class Table(NamedTuple):
    """One output as a table with a row for each box."""

    output: int
    """Number of the output."""
    spec: TensorSpec
    """Type and quantization of the output."""
    rows: Rows
    """How it lists boxes."""

    def part(self, first: int = 0, last: int | None = None) -> Part:
        """Return the channels from ``first`` to before ``last``, or to the end."""
        return part(self.output, self.spec, self.rows, first, self.rows.channels if last is None else last)


class Prototypes(NamedTuple):
    """The output with the masks that all objects share."""

    output: int
    """Number of the output."""
    spec: TensorSpec
    """Type and quantization of the output."""
    masks: int
    """Number of masks."""
    channels_first: bool
    """Whether the output is (masks, rows, columns), not (rows, columns, masks)."""

    def shared(self, outputs: Sequence[Tensor]) -> Tensor:
        """Return the masks as stored, (rows, columns, masks)."""
        values = outputs[self.output][0]
        return np.moveaxis(values, 0, 2) if self.channels_first else values


def find_prototypes(view: OutputView) -> Prototypes | None:
    """Return the only output with the form of prototype masks; None if there is none, or if there are several."""
    size = -(-view.height // PROTOTYPE_STRIDE), -(-view.width // PROTOTYPE_STRIDE)
    found = []
    for number, spec in enumerate(view.outputs):
        if len(spec.shape) == 4 and spec.shape[0] in (1, -1) and min(spec.shape[1:]) > 1:
            if spec.shape[1:3] == size:
                found.append(Prototypes(number, spec, spec.shape[3], channels_first=False))
            elif spec.shape[2:4] == size:
                found.append(Prototypes(number, spec, spec.shape[1], channels_first=True))
    return found[0] if len(found) == 1 else None


def find_tables(view: OutputView, without: Collection[int] = ()) -> list[Table]:
    """Return all outputs but some as tables; empty if one of them is not a table of boxes."""
    found = []
    for number, spec in enumerate(view.outputs):
        if number not in without:
            rows = find_grid(spec, view.width, view.height) or find_rows(spec, view.width, view.height)
            if rows is None:
                return []
            found.append(Table(number, spec, rows))
    return found


def find_grid(spec: TensorSpec, width: int, height: int) -> Rows | None:
    """Return how an output with the form of a grid lists the boxes of an input of this size; None if it has none."""
    if len(spec.shape) != 4 or spec.shape[0] not in (1, -1) or min(spec.shape[1:]) < 1:
        return None
    for stride in GRID_STRIDES:
        size = -(-height // stride), -(-width // stride)
        if max(size) > 1 and spec.shape[1:3] == size:
            return Rows(size[0] * size[1], spec.shape[3], False, 1, (stride,))
        if max(size) > 1 and spec.shape[2:4] == size:
            return Rows(size[0] * size[1], spec.shape[1], True, 1, (stride,))
    return None


def by_grid(tables: Sequence[Table]) -> list[list[Table]]:
    """Return the tables of each grid, fine grids first."""
    strides = sorted({table.rows.strides for table in tables})
    return [[table for table in tables if table.rows.strides == one] for one in strides]
