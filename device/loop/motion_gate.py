"""Motion gate: a cheap check whether the image changed, before the expensive model (``--on-motion``)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..system.clock import SYSTEM, Clock

if TYPE_CHECKING:
    import numpy.typing as npt

    from edgevision.types import Frame

    Cells = npt.NDArray[np.float32]

COLUMNS, ROWS = 32, 18
"""Grid of cells whose mean gray is compared; each is averaged over up to SAMPLES x SAMPLES pixels."""
SAMPLES = 8
LEVEL = 8.0
"""Gray levels (of 255) by which a cell's mean must differ to count as changed."""
SHARE = 0.005
"""Share of cells that must change to count as motion (3 of 576: a hand across a room)."""
LOOK_AGAIN_S = 10.0
"""Maximum seconds between model runs on a live image, even without motion, so that slow changes are seen and the engine
proves that it is alive."""


class MotionGate:
    """Compares each frame with the last one that the model saw, so that slow movement adds up until it counts.

    Without motion the last prediction stands: the current image differs from the one seen by less than SHARE.
    """

    def __init__(self, look_again_s: float = LOOK_AGAIN_S, clock: Clock = SYSTEM) -> None:
        self._look_again_s = look_again_s
        self._clock = clock
        self._seen: Cells | None = None
        self._seen_at = 0.0

    def moved(self, frame: Frame) -> bool:
        """Return whether the model should see this frame; always for the first, and for one of another size."""
        now = self._now(frame)
        cells = grey_cells(frame)
        seen = self._seen
        if seen is not None and seen.shape == cells.shape and now - self._seen_at < self._look_again_s:
            changed = np.count_nonzero(np.abs(cells - seen) > LEVEL)
            if changed < max(1, SHARE * cells.size):
                return False
        self._seen, self._seen_at = cells, now
        return True

    def forget(self) -> None:
        """Send the next frame to the model: the camera was lost, or the model failed on the last frame."""
        self._seen = None

    def _now(self, frame: Frame) -> float:
        """Return the time; for a file its own, so that the result does not depend on the machine's speed."""
        if frame.captured_at is None:
            return frame.position_s or 0.0
        return self._clock.monotonic()


def grey_cells(frame: Frame) -> Cells:
    """Return the mean gray of each cell, 0..255, (ROWS, COLUMNS) or fewer for a tiny frame; green stands for gray."""
    plane = frame.pixels if frame.order == "GRAY" else frame.pixels[..., 1]
    return _means(_thin(plane))


def _thin(plane: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Subsample so that about SAMPLES x SAMPLES pixels remain per cell."""
    down, across = (max(1, side // (cells * SAMPLES)) for side, cells in zip(plane.shape, (ROWS, COLUMNS), strict=True))
    return plane[down // 2 :: down, across // 2 :: across]


def _means(plane: npt.NDArray[np.uint8]) -> Cells:
    """Return the means of a grid of cells; sums along one axis, then the other, are exact in 32 bits."""
    rows, columns = (min(side, cells) for side, cells in zip(plane.shape, (ROWS, COLUMNS), strict=True))
    edges_y, edges_x = (np.arange(n) * side // n for n, side in ((rows, plane.shape[0]), (columns, plane.shape[1])))
    sums = np.add.reduceat(np.add.reduceat(plane, edges_y, axis=0, dtype=np.uint32), edges_x, axis=1)
    heights, widths = (
        np.diff([*edges, side]) for edges, side in ((edges_y, plane.shape[0]), (edges_x, plane.shape[1]))
    )
    means: Cells = (sums / (heights[:, np.newaxis] * widths)).astype(np.float32)
    return means
