"""USB and other V4L2 cameras through OpenCV.

If a camera sends JPEGs, they are taken undecoded and decoded here: no larger than the model needs, and with damaged ones
detected instead of shown partly gray.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from edgevision.errors import BadInput, CameraError, CameraLost
from edgevision.log import Log
from edgevision.preprocessing import decode
from edgevision.types import Frame

from ...stream.protocols import Reader
from ...stream.request import ANY, CaptureRequest
from ...system.clock import SYSTEM, Clock
from ..wrappers.jpeg_scale import reduction
from .pixel_formats import layout, pixels
from .v4l2_formats import Format, choose

if TYPE_CHECKING:
    import numpy.typing as npt

log = Log("edgevision.cameras")
BAD_READS = 10
"""Consecutive failed reads after which a camera counts as lost; USB cameras send a damaged frame at times, mostly first."""
_JPEGS = ("MJPG", "JPEG")
_CONVERTED_HERE = ("NV12", "NV21")
"""Formats of which OpenCV before 4.11 swaps red and blue."""
Capture = Callable[[str], Any]
"""Opens a node: path -> cv2.VideoCapture."""


class V4L2Reader(Reader):
    """Reads one node as BGR frames."""

    def __init__(
        self,
        path: str,
        name: str = "",
        clock: Clock = SYSTEM,
        capture: Capture | None = None,
        wanted: CaptureRequest = ANY,
        offered: tuple[Format, ...] = (),
    ) -> None:
        """Open the node; ``offered``: what the camera reports it can do. Raises CameraError."""
        self.spec = path
        self.damaged = 0
        """Number of frames corrupted in transit."""
        self._wanted = wanted
        self._clock = clock
        self._index = 0
        self._capture = (capture or open_capture)(path)
        if not self._capture.isOpened():
            self._capture.release()
            raise CameraError(f"cannot open {path}: not a camera, or in use by another program")
        self._arrange(offered)
        self._size = int(self._get(cv2.CAP_PROP_FRAME_WIDTH)), int(self._get(cv2.CAP_PROP_FRAME_HEIGHT))
        self._format = self._fourcc()
        if self._format in (*_JPEGS, *_CONVERTED_HERE):
            self._capture.set(cv2.CAP_PROP_CONVERT_RGB, 0)
        self._reduced = reduction(*self._size, wanted) if self._format in _JPEGS else 1
        self.description = ", ".join(filter(None, [name, self._describe(self._size)]))

    def read(self) -> Frame:
        """Return the next frame, skipping damaged ones. Raises CameraLost."""
        for _ in range(BAD_READS):
            frame = self._decode()
            now = self._clock.monotonic()
            if frame is not None:
                frame = replace(frame, index=self._index, captured_at=self._stamp(now), source=self.spec)
                self._index += 1
                return frame
        raise CameraLost(f"{self.spec} stopped sending frames; check that it is plugged in")

    def close(self) -> None:
        """Free the device."""
        self._capture.release()

    def _arrange(self, offered: tuple[Format, ...]) -> None:
        """Request the best of what is offered; the driver may grant something else, which is read back."""
        best = choose(offered, self._wanted)
        size, fps = self._wanted.size, self._wanted.fps
        if best is not None:
            size, fps = (best.width, best.height), best.rates_fps[0]
            log.debug(
                "%s: requesting %s %dx%d at %g frames/s of %d offers", self.spec, best.fourcc, *size, fps, len(offered)
            )
            self._capture.set(cv2.CAP_PROP_FOURCC, _code(best.fourcc))
        if size is not None:
            self._capture.set(cv2.CAP_PROP_FRAME_WIDTH, size[0])
            self._capture.set(cv2.CAP_PROP_FRAME_HEIGHT, size[1])
        if fps is not None:
            self._capture.set(cv2.CAP_PROP_FPS, fps)

    def _describe(self, size: tuple[int, int]) -> str:
        fps = self._get(cv2.CAP_PROP_FPS)
        text = f"{size[0]}x{size[1]}" + (f" {self._format}" if self._format else "")
        if self._wanted.size not in (None, size):
            text += f" ({self._wanted.width}x{self._wanted.height} is not available)"
        text += f" at {fps:.4g} frames/s" if fps > 0 else ""
        return text + (f", decoded at 1/{self._reduced} of its size" if self._reduced > 1 else "")

    def _decode(self) -> Frame | None:
        """Return one frame, or None if the data is not one."""
        try:
            good, data = self._capture.read()
        except cv2.error:  # a JPEG that OpenCV could not decode
            self._break()
            return None
        if not good or not isinstance(data, np.ndarray) or data.dtype != np.uint8 or data.size == 0:
            return None
        if data.shape[2:] == (3,):
            return Frame(data, "BGR")
        if self._format not in (*_JPEGS, *_CONVERTED_HERE):
            return None
        try:  # flat: a row, a column or an image shape, depending on the OpenCV version
            return self._as_frame(np.ascontiguousarray(data).reshape(-1))
        except BadInput:
            self._break()
            return None

    def _as_frame(self, data: npt.NDArray[np.uint8]) -> Frame:
        """Convert raw data to a frame. Raises BadInput if it is damaged or incomplete."""
        if self._format in _JPEGS:
            return decode.decode(data.tobytes(), self.spec, self._reduced)
        stride = data.size * 2 // (self._size[1] * 3)
        return Frame(*pixels(data, layout(self._format, *self._size, stride)))

    def _break(self) -> None:
        self.damaged += 1
        self._index += 1

    def _stamp(self, now: float) -> float:
        """Return the driver's capture time if it is on our clock (mostly CLOCK_MONOTONIC in V4L2), else ``now``."""
        stamp = self._get(cv2.CAP_PROP_POS_MSEC) / 1e3
        return stamp if now - 1.0 < stamp <= now else now

    def _fourcc(self) -> str:
        text = struct.pack("<I", int(self._get(cv2.CAP_PROP_FOURCC)) & 0xFFFF_FFFF).decode("ascii", errors="replace")
        return text if text.isprintable() else ""

    def _get(self, key: int) -> float:
        return float(self._capture.get(key))


def _code(fourcc: str) -> float:
    """Return four letters in OpenCV's encoding."""
    return float(int.from_bytes(fourcc.ljust(4).encode("ascii"), "little"))


def open_capture(path: str) -> Any:
    """Open a node with OpenCV."""
    return cv2.VideoCapture(path, cv2.CAP_V4L2)
