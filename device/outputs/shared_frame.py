"""The frame of an item with its prediction, encoded at most once for all outputs."""

from __future__ import annotations

from copy import copy
from dataclasses import replace
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np

from ..sinks.jsonl import frame_record
from ..system.clock import SYSTEM, Clock, rfc3339

if TYPE_CHECKING:
    from edgevision.types import Frame, Prediction

QUALITY = 85


class SharedFrame:
    """One frame as all outputs see it. Encodings are made on the thread that first asks for them."""

    def __init__(self, frame: Frame, prediction: Prediction, dropped: int, clock: Clock = SYSTEM) -> None:
        self.frame, self.prediction = frame, prediction
        now, wall = clock.monotonic(), clock.wall()
        self.wall_s = wall - (0.0 if frame.captured_at is None else now - frame.captured_at)
        """Capture time of the frame in seconds since 1970; for files, the time of the prediction."""
        self.time = rfc3339(self.wall_s)
        """The same as text (RFC 3339, UTC)."""
        self._clock = Clock(monotonic=lambda: now, wall=lambda: wall)
        self._dropped = dropped
        self._lock = Lock()
        self._made: dict[str, Any] = {}
        masks = (prediction.mask, *(found.mask for found in prediction.objects))
        self.pixel_bytes = int(frame.pixels.nbytes) + sum(int(mask.nbytes) for mask in masks if mask is not None)
        """Memory of the pixels and of the masks."""
        self._text: SharedFrame | None = None

    def without_pixels(self) -> SharedFrame:
        """Return the same frame for outputs that need no image, so that it keeps no pixels while it waits."""
        if self._text is None:
            made = copy(self)  # with the same record, which is made once for both
            blank = np.ndarray(self.frame.pixels.shape, np.uint8, b"\0", strides=(0,) * self.frame.pixels.ndim)
            made.frame = replace(self.frame, pixels=blank)
            made.prediction = without_masks(self.prediction)
            made.pixel_bytes = 0
            self._text = made
        return self._text

    def record(self) -> dict[str, Any]:
        """Return the JSON object of the frame, as ``run --json`` prints it."""
        made: dict[str, Any] = self._once(
            "record", lambda: frame_record(self.frame, self.prediction, self._dropped, self._clock)
        )
        return made

    def jpeg(self) -> bytes:
        """Return the frame as JPEG."""
        assert self.pixel_bytes, "an output that needs images must say so"
        from edgevision.preprocessing.decode import encode_jpeg

        made: bytes = self._once("jpeg", lambda: encode_jpeg(self.frame, QUALITY))
        return made

    def annotated_jpeg(self) -> bytes:
        """Return the frame with boxes, masks and labels drawn, as JPEG."""
        assert self.pixel_bytes, "an output that needs images must say so"
        from edgevision.postprocessing.annotate import annotate
        from edgevision.preprocessing.decode import encode_jpeg

        made: bytes = self._once("drawn", lambda: encode_jpeg(annotate(self.frame, self.prediction), QUALITY))
        return made

    def _once(self, key: str, make: Any) -> Any:
        with self._lock:
            if key not in self._made:
                self._made[key] = make()
            return self._made[key]


def without_masks(prediction: Prediction) -> Prediction:
    """Return a prediction without its pixels; the same one if it has none."""
    if prediction.mask is None and all(found.mask is None for found in prediction.objects):
        return prediction
    objects = tuple(replace(found, mask=None) for found in prediction.objects)
    return replace(prediction, mask=None, objects=objects)


class FrameCache:
    """Makes one ``SharedFrame`` per frame of the loop, for all outputs."""

    def __init__(self, dropped: Any, clock: Clock = SYSTEM) -> None:
        """``dropped``: returns the number of frames that the camera dropped so far."""
        self._dropped, self._clock = dropped, clock
        self._last: SharedFrame | None = None

    def of(self, frame: Frame, prediction: Prediction) -> SharedFrame:
        """Return the shared frame; called on the loop's thread."""
        if self._last is None or self._last.frame is not frame or self._last.prediction is not prediction:
            self._last = SharedFrame(frame, prediction, self._dropped(), self._clock)
        return self._last
