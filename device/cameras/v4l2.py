"""USB and other V4L2 cameras through OpenCV.

Where a camera sends JPEGs, they are taken as they come and decoded here: no larger than the model needs, and a damaged one
is noticed instead of shown with a gray rest.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from edgevision import pictures
from edgevision.data import Frame
from edgevision.errors import BadInput, CameraError, CameraLost

from ..clock import SYSTEM, Clock
from .raw_pixels import layout, pixels
from .reduction import reduction
from .v4l2_formats import Format, choose
from .wanted import ANY, Wanted

if TYPE_CHECKING:
    import numpy.typing as npt

BAD_READS = 10
"""So many in a row, and the camera is gone; USB cameras send a damaged frame now and then, mostly the first."""
_JPEGS = ("MJPG", "JPEG")
_CONVERTED_HERE = ("NV12", "NV21")
"""OpenCV before 4.11 swaps red and blue of these."""
Capture = Callable[[str], Any]
"""Opens a node: a path -> cv2.VideoCapture."""


class V4L2Reader:
    """Reads one node, BGR."""

    def __init__(
        self,
        path: str,
        name: str = "",
        clock: Clock = SYSTEM,
        capture: Capture | None = None,
        wanted: Wanted = ANY,
        offered: tuple[Format, ...] = (),
    ) -> None:
        """``offered``: what the camera says it can do. Raises CameraError when the node cannot be opened."""
        self.spec = path
        self.damaged = 0
        """Frames that broke on the wire."""
        self._wanted = wanted
        self._clock = clock
        self._index = 0
        self._capture = (capture or open_capture)(path)
        if not self._capture.isOpened():
            self._capture.release()
            raise CameraError(f"cannot open {path}: it is no camera, or another program uses it")
        self._arrange(offered)
        self._size = int(self._get(cv2.CAP_PROP_FRAME_WIDTH)), int(self._get(cv2.CAP_PROP_FRAME_HEIGHT))
        self._format = self._fourcc()
        if self._format in (*_JPEGS, *_CONVERTED_HERE):
            self._capture.set(cv2.CAP_PROP_CONVERT_RGB, 0)
        self._reduced = reduction(*self._size, wanted) if self._format in _JPEGS else 1
        self.description = ", ".join(filter(None, [name, self._describe(self._size)]))

    def read(self) -> Frame:
        """The next frame; damaged ones are passed over. Raises CameraLost."""
        for _ in range(BAD_READS):
            frame = self._decode()
            now = self._clock.monotonic()
            if frame is not None:
                frame = replace(frame, index=self._index, captured_at=self._stamp(now), source=self.spec)
                self._index += 1
                return frame
        raise CameraLost(f"{self.spec} delivers no more frames (unplugged?)")

    def close(self) -> None:
        """Frees the device."""
        self._capture.release()

    def _arrange(self, offered: tuple[Format, ...]) -> None:
        """Asks for the best of what is offered; the driver may give something else, which is then read back."""
        best = choose(offered, self._wanted)
        size, fps = self._wanted.size, self._wanted.fps
        if best is not None:
            size, fps = (best.width, best.height), best.rates_fps[0]
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
            text += f" (it does not offer {self._wanted.width}x{self._wanted.height})"
        text += f" at {fps:.4g} frames/s" if fps > 0 else ""
        return text + (f", decoded at 1/{self._reduced} of its size" if self._reduced > 1 else "")

    def _decode(self) -> Frame | None:
        """One frame, or None for what is none."""
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
        try:  # as bytes: a row, a column or a picture's shape, by the version of OpenCV
            return self._as_frame(np.ascontiguousarray(data).reshape(-1))
        except BadInput:
            self._break()
            return None

    def _as_frame(self, data: npt.NDArray[np.uint8]) -> Frame:
        """Raises BadInput for what is damaged or incomplete."""
        if self._format in _JPEGS:
            return pictures.decode(data.tobytes(), self.spec, self._reduced)
        stride = data.size * 2 // (self._size[1] * 3)
        return Frame(*pixels(data, layout(self._format, *self._size, stride)))

    def _break(self) -> None:
        self.damaged += 1
        self._index += 1

    def _stamp(self, now: float) -> float:
        """The driver's time of capture where it is on our clock (V4L2 says CLOCK_MONOTONIC for most), otherwise now."""
        stamp = self._get(cv2.CAP_PROP_POS_MSEC) / 1e3
        return stamp if now - 1.0 < stamp <= now else now

    def _fourcc(self) -> str:
        text = struct.pack("<I", int(self._get(cv2.CAP_PROP_FOURCC)) & 0xFFFF_FFFF).decode("ascii", errors="replace")
        return text if text.isprintable() else ""

    def _get(self, key: int) -> float:
        return float(self._capture.get(key))


def _code(fourcc: str) -> float:
    """Four letters as OpenCV wants them."""
    return float(int.from_bytes(fourcc.ljust(4).encode("ascii"), "little"))


def open_capture(path: str) -> Any:
    """OpenCV's door to a node."""
    return cv2.VideoCapture(path, cv2.CAP_V4L2)
