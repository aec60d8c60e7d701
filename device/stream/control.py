"""Changes to a running loop from outside: by commands of MQTT or of the live page."""

from __future__ import annotations

from threading import Lock


class LoopControl:
    """Written by any thread, read by the loop for every frame."""

    def __init__(self, threshold: float | None = None) -> None:
        """``threshold``: the lowest score shown at the start, 0..1; None: the model's own."""
        self._lock = Lock()
        self._threshold = threshold
        self._changed = False
        self.paused = False
        """Whether frames are read but not passed to the model."""

    @property
    def threshold(self) -> float | None:
        """Lowest score of a label that is shown, 0..1; None: the model's own."""
        return self._threshold

    def set_threshold(self, threshold: float) -> None:
        """Change the threshold from the next frame on. Raises ValueError."""
        if not 0.0 <= threshold <= 1.0:
            raise ValueError(f"the threshold must be 0 to 1, got {threshold:g}")
        with self._lock:
            self._threshold, self._changed = threshold, True

    def take_threshold(self) -> tuple[bool, float | None]:
        """Return whether the threshold was changed since the last call, and its value."""
        if not self._changed:  # the usual case costs no lock
            return False, self._threshold
        with self._lock:
            changed, self._changed = self._changed, False
            return changed, self._threshold
