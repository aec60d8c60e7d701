"""Buffers for the intermediate results of preprocessing, reused from frame to frame."""

from __future__ import annotations

import math
from threading import local
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..types import Pixels
    from .geometry import Geometry

MAX_KEPT = 4_000_000
"""Size in bytes of the largest block that is kept. Halved camera frames are smaller; photos vary in size anyway."""


class StepMemory(local):
    """Buffers of one thread, kept because allocating fresh pages would take as long as the step itself.

    The steps alternate between two stretches of memory, so that a frame uses as little of the cache as possible.
    """

    def __init__(self) -> None:
        self._stretches = [np.empty(0, np.uint8), np.empty(0, np.uint8)]
        self._geometry: Geometry | None = None
        self._channels: tuple[int, ...] = ()
        self._blocks: list[Pixels | None] = []

    def blocks(self, geometry: Geometry, channels: tuple[int, ...]) -> Sequence[Pixels | None]:
        """Return a buffer for the result of each step, or None if the step must allocate: it is large, or returned.

        ``channels`` is the last part of the frame's shape, empty for a gray frame.
        """
        if geometry is not self._geometry or channels != self._channels:
            shapes = _shapes(geometry, channels)
            self._blocks = [None if shape is None else self._block(n % 2, shape) for n, shape in enumerate(shapes)]
            self._geometry, self._channels = geometry, channels
        return self._blocks

    def _block(self, turn: int, shape: tuple[int, ...]) -> Pixels | None:
        size = math.prod(shape)
        if size > MAX_KEPT:
            return None
        if self._stretches[turn].size < size:
            self._stretches[turn] = np.empty(size, np.uint8)
        return self._stretches[turn][:size].reshape(shape)


def _shapes(geometry: Geometry, channels: tuple[int, ...]) -> list[tuple[int, ...] | None]:
    """Return the shapes after each halving, the change to four channels and the resize; None if that result is returned."""
    w, h = geometry.source[2:]
    shapes: list[tuple[int, ...] | None] = [(h >> n, w >> n, *channels) for n in range(1, geometry.halvings + 1)]
    last_w, last_h = w >> geometry.halvings, h >> geometry.halvings
    if (last_w, last_h) == geometry.target[2:]:
        return [*shapes[:-1], None]
    if not channels:
        return [*shapes, None]
    return [*shapes, (last_h, last_w, 4), (geometry.target[3], geometry.target[2], 4)]
