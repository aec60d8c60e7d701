"""Memory for what one step of the preprocessing hands to the next, kept from frame to frame."""

from __future__ import annotations

import math
from threading import local
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .data import Pixels
    from .geometry import Geometry

MAX_KEPT = 4_000_000
"""Bytes of the largest block that is kept: a camera's frames are halved into less, and photos differ in size anyway."""


class StepMemory(local):
    """Each thread's own: fresh pages would cost as much as the step.

    Two stretches take turns, so that all steps of a frame together stay in as little of the cache as can be.
    """

    def __init__(self) -> None:
        self._stretches = [np.empty(0, np.uint8), np.empty(0, np.uint8)]
        self._geometry: Geometry | None = None
        self._channels: tuple[int, ...] = ()
        self._blocks: list[Pixels | None] = []

    def blocks(self, geometry: Geometry, channels: tuple[int, ...]) -> Sequence[Pixels | None]:
        """For the result of each step; None: memory of its own, because it is large, or handed out.

        ``channels``: the end of the frame's shape, empty for a gray one.
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
    """Of the results of halvings, of the change to four channels, of the last resize; None: it is handed out."""
    w, h = geometry.source[2:]
    shapes: list[tuple[int, ...] | None] = [(h >> n, w >> n, *channels) for n in range(1, geometry.halvings + 1)]
    last_w, last_h = w >> geometry.halvings, h >> geometry.halvings
    if (last_w, last_h) == geometry.target[2:]:
        return [*shapes[:-1], None]
    if not channels:
        return [*shapes, None]
    return [*shapes, (last_h, last_w, 4), (geometry.target[3], geometry.target[2], 4)]
