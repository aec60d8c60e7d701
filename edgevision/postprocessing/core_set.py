"""Distances of the patches of an image to the nearest patch of good images."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float32]

BLOCK = 512
"""Patches of the core set that are compared at a time: their products stay in the cache, and the memory does not grow."""


class CoreSet:
    """The patches of good images, prepared for comparison. Belongs to one thread."""

    def __init__(self, core: Floats, places: int) -> None:
        """``core``: (patches, features); ``places``: number of patches of an image."""
        # The largest value of 2 p.c - c.c is that of the nearest c; the row below the features makes it one product.
        columns = np.concatenate([2.0 * core.T, -(core**2).sum(axis=1)[np.newaxis]]).astype(np.float32)
        self._blocks = [np.ascontiguousarray(columns[:, at : at + BLOCK]) for at in range(0, len(core), BLOCK)]
        self._rows = np.ones((places, core.shape[1] + 1), np.float32)
        # New memory for each image takes longer than the products themselves.
        self._products = np.empty((places, min(BLOCK, len(core))), np.float32)

    def distances(self, patches: Floats) -> Floats:
        """Return the distance of each patch (places, features) to the nearest of the core set, (places,)."""
        self._rows[:, :-1] = patches
        nearest = np.full(len(patches), -np.inf, np.float32)
        for block in self._blocks:
            products = self._products[:, : block.shape[1]]
            np.matmul(self._rows, block, out=products)
            np.maximum(nearest, products.max(axis=1), out=nearest)
        found: Floats = np.sqrt(np.clip((patches**2).sum(axis=1) - nearest, 0.0, None))
        return found
