"""Where the numbers of boxes are: which channels of which output hold their places, scores and more."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from ..tflite.outputs import dequantize
from ..types import TensorSpec

if TYPE_CHECKING:
    from ..types import Tensor
    from .cells import Cells
    from .grid import Rows
    from .layout import Floats, Integers


class Part(NamedTuple):
    """Some channels of an output that lists boxes."""

    output: int
    """Number of the output."""
    spec: TensorSpec
    """Type and quantization of the output."""
    boxes: int
    """Number of boxes that the output lists."""
    channels_first: bool
    """Whether the output is (channels, boxes), not (boxes, channels)."""
    channels: slice
    """Which channels."""

    def stored(self, outputs: Sequence[Tensor]) -> Tensor:
        """Return the values as stored, (channels, boxes), without a copy."""
        values = outputs[self.output]
        if self.channels_first:
            return values.reshape(-1, self.boxes)[self.channels]
        return values.reshape(self.boxes, -1).T[self.channels]

    def real(self, outputs: Sequence[Tensor], boxes: Integers) -> Floats:
        """Return the real values of some boxes, (n, channels)."""
        return dequantize(self.stored(outputs)[:, boxes].T, self.spec)


class Level(NamedTuple):
    """The boxes of one grid, or of all grids one after the other."""

    boxes: Part
    """Places of the boxes."""
    scores: Part
    """Scores of the classes."""
    objectness: Part | None = None
    """Score that there is an object at all, to be multiplied with those of the classes."""
    extra: Part | None = None
    """Key points or mask coefficients."""
    cells: Cells | None = None
    """Cells of the boxes, for places that are relative to them."""


def part(output: int, spec: TensorSpec, rows: Rows, first: int, last: int) -> Part:
    """Return the channels from ``first`` to before ``last`` of an output."""
    return Part(output, spec, rows.boxes, rows.channels_first, slice(first, last))
