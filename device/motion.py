"""Whether a picture moved: a cheap look before the model's expensive one (``--on-motion``)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .clock import SYSTEM, Clock

if TYPE_CHECKING:
    import numpy.typing as npt

    from edgevision.data import Frame

    Cells = npt.NDArray[np.float32]

COLUMNS, ROWS = 32, 18
"""The picture is judged by the mean grey of so many cells; each is averaged over up to SAMPLES x SAMPLES pixels."""
SAMPLES = 8
LEVEL = 8.0
"""Of 255: a cell has changed when its mean grey differs by more."""
SHARE = 0.005
"""Of the cells: the picture moved when at least so many changed (3 of 576: a hand across a room)."""
LOOK_AGAIN_S = 10.0
"""A live picture goes to the model at least so often, moved or not: what creeps is seen, too, and the engine proves
that it lives."""


class MotionGate:
    """Compares each frame with the last one that the model saw, so that slow movement adds up until it counts.

    While nothing moved, the model's last answer stands: what is seen now differs from what it saw by less than SHARE.
    """

    def __init__(self, look_again_s: float = LOOK_AGAIN_S, clock: Clock = SYSTEM) -> None:
        self._look_again_s = look_again_s
        self._clock = clock
        self._seen: Cells | None = None
        self._seen_at = 0.0

    def moved(self, frame: Frame) -> bool:
        """Whether the model is to see this frame. The first one always; one of another size, too."""
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
        """The next frame goes to the model: the camera was lost, or the model failed on the last one."""
        self._seen = None

    def _now(self, frame: Frame) -> float:
        """Of a file its own time, so that a fast machine judges it like a slow one."""
        if frame.captured_at is None:
            return frame.position_s or 0.0
        return self._clock.monotonic()


def grey_cells(frame: Frame) -> Cells:
    """Mean grey of each cell, 0..255, (ROWS, COLUMNS) or fewer for a tiny frame; green stands for grey."""
    plane = frame.pixels if frame.order == "GRAY" else frame.pixels[..., 1]
    return _means(_thin(plane))


def _thin(plane: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Every n-th pixel across and down, so that COLUMNS x ROWS cells of SAMPLES x SAMPLES are left."""
    down, across = (max(1, side // (cells * SAMPLES)) for side, cells in zip(plane.shape, (ROWS, COLUMNS), strict=True))
    return plane[down // 2 :: down, across // 2 :: across]


def _means(plane: npt.NDArray[np.uint8]) -> Cells:
    """The means of a grid of cells; sums along one axis, then the other, are exact in 32 bits."""
    rows, columns = (min(side, cells) for side, cells in zip(plane.shape, (ROWS, COLUMNS), strict=True))
    edges_y, edges_x = (np.arange(n) * side // n for n, side in ((rows, plane.shape[0]), (columns, plane.shape[1])))
    sums = np.add.reduceat(np.add.reduceat(plane, edges_y, axis=0, dtype=np.uint32), edges_x, axis=1)
    heights, widths = (
        np.diff([*edges, side]) for edges, side in ((edges_y, plane.shape[0]), (edges_x, plane.shape[1]))
    )
    means: Cells = (sums / (heights[:, np.newaxis] * widths)).astype(np.float32)
    return means
