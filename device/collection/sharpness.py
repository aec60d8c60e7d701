"""Selection of the frames worth keeping as photos: skips motion blur and views already kept."""

from __future__ import annotations

from collections import deque
from statistics import median
from typing import TYPE_CHECKING, Literal

import cv2
import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    from edgevision.types import Frame

Reason = Literal["blurred", "alike"]
BLURRED = 0.3
"""Share of the camera's recent median sharpness below which a frame counts as blurred.

Measured on varied photos: blur over 4 % of the width leaves 0.13 to 0.39 of the sharpness, over 1 % leaves 0.45 to 0.64.
"""
LATELY = 60
"""Number of recent frames in the median: two seconds after turning to a plainer scene, the median follows."""
MIN_SHARPNESS_FRAMES = 5
"""Number of frames needed before the camera's sharpness is known."""
ALIKE = 6.0
"""Gray levels by which some part of the view (a 32nd of its width) must change to count as a new view."""
_PARTS = 32
_SIDE = 512


class Choosing:
    """Compares each frame with what this camera showed before."""

    def __init__(self) -> None:
        self._sharpness: deque[float] = deque(maxlen=LATELY)
        self._kept: npt.NDArray[np.float32] | None = None
        self._view: npt.NDArray[np.float32] | None = None

    def refuse(self, frame: Frame) -> Reason | None:
        """Return why a frame is not worth keeping, or None to keep it (then call ``kept``)."""
        gray = _gray(frame)
        sharp = sharpness(gray)
        self._sharpness.append(sharp)
        self._view = _parts(gray)
        if len(self._sharpness) > MIN_SHARPNESS_FRAMES and sharp < BLURRED * median(self._sharpness):
            return "blurred"
        same_shape = self._kept is not None and self._kept.shape == self._view.shape
        if same_shape and float(np.abs(self._kept - self._view).max()) <= ALIKE:  # type: ignore[operator]
            return "alike"
        return None

    def kept(self) -> None:
        """Record that the frame last passed to ``refuse`` was kept."""
        self._kept = self._view


def sharpness(gray: npt.NDArray[np.uint8]) -> float:
    """Return the variance of the Laplacian divided by the image variance, to discount light and contrast."""
    return float(cv2.Laplacian(gray, cv2.CV_32F).var()) / (float(gray.var()) + 1.0)


def _gray(frame: Frame) -> npt.NDArray[np.uint8]:
    """Return a gray version from every n-th pixel, so that a large frame costs no more than a small one."""
    step = max(1, max(frame.width, frame.height) // _SIDE)
    part = np.ascontiguousarray(frame.pixels[::step, ::step])
    if frame.order == "GRAY":
        return part
    gray: npt.NDArray[np.uint8] = cv2.cvtColor(part, cv2.COLOR_RGB2GRAY if frame.order == "RGB" else cv2.COLOR_BGR2GRAY)
    return gray


def _parts(gray: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """Return the mean of each square block."""
    side = max(1, gray.shape[1] // _PARTS)
    rows, columns = max(1, gray.shape[0] // side), max(1, gray.shape[1] // side)
    used = gray[: rows * side, : columns * side]
    height, width = used.shape[0] // rows, used.shape[1] // columns
    blocks = used[: rows * height, : columns * width].reshape(rows, height, columns, width)
    return np.asarray(blocks.mean((1, 3), dtype=np.float32))
