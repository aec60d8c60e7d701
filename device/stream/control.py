"""Changes to a running loop from outside: by commands of MQTT or of the live page."""

from __future__ import annotations

from threading import Lock

from ..tracking.shapes import Shapes
from .request import Roi, require_inside

NONE = Shapes()
MAX_SMOOTH = 1000
"""Largest number of frames to average over."""


class LoopControl:
    """Written by any thread, read by the loop for every frame."""

    def __init__(
        self,
        threshold: float | None = None,
        smooth: int | None = None,
        roi: Roi | None = None,
        shapes: Shapes = NONE,
    ) -> None:
        """
        Args:
            threshold: Lowest score shown at the start, 0..1; None: the model's own.
            smooth: Number of frames to average over; None: as the loop was started.
            roi: Region at the start; only the live page crops by it.
            shapes: Counting lines and zones at the start.
        """
        self._lock = Lock()
        self._threshold = threshold
        self._changed = False
        self.paused = False
        """Whether frames are read but not passed to the model."""
        self.smooth = smooth
        """Number of frames that scores are averaged over, read by the loop for every frame; None: as it was started."""
        self.roi = roi
        """Region of the image that the model sees; None: all of it."""
        self.shapes = shapes
        """Counting lines and zones; the loop takes over a change with the next frame."""

    @property
    def threshold(self) -> float | None:
        """Lowest score of a label that is shown, 0..1; None: the model's own."""
        return self._threshold

    def set_threshold(self, threshold: float | None) -> None:
        """Change the threshold from the next frame on; None: the model's own. Raises ValueError."""
        if threshold is not None and not 0.0 <= threshold <= 1.0:
            raise ValueError(f"the threshold must be 0 to 1, got {threshold:g}")
        with self._lock:
            self._threshold, self._changed = threshold, True

    def set_smooth(self, smooth: int) -> None:
        """Change the number of frames averaged from the next frame on. Raises ValueError."""
        if not 1 <= smooth <= MAX_SMOOTH:
            raise ValueError(f"smooth must be 1 to {MAX_SMOOTH}, got {smooth}")
        self.smooth = smooth

    def set_roi(self, roi: Roi | None) -> None:
        """Change the region from the next frame on. Raises BadInput."""
        if roi is not None:
            require_inside(roi)
        self.roi = roi

    def take_threshold(self) -> tuple[bool, float | None]:
        """Return whether the threshold was changed since the last call, and its value."""
        if not self._changed:  # the usual case costs no lock
            return False, self._threshold
        with self._lock:
            changed, self._changed = self._changed, False
            return changed, self._threshold
