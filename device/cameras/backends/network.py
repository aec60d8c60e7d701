"""Network cameras: MJPEG over HTTP by our own reader, RTSP and others by FFMPEG. Hides passwords in URLs."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import cv2

from edgevision.errors import BadInput, CameraError, CameraLost
from edgevision.files.url_secrets import encoded, masked
from edgevision.types import Frame

from ...stream.protocols import Reader
from ...stream.request import ANY, CaptureRequest
from ...system.clock import SYSTEM, Clock
from ..wrappers.reader_thread import NewestFrame
from .mjpeg_http import open_mjpeg

if TYPE_CHECKING:
    from edgevision.types import Pixels

    from ...stream.protocols import LiveSource

TIMEOUT_S = 10.0
"""Timeout in seconds for opening and for each frame."""
FROZEN_S = 60.0
"""Seconds: a compressed stream of a static scene repeats frames, but not for this long."""


class StreamReader(Reader):
    """Decodes one stream as BGR frames."""

    def __init__(self, url: str, clock: Clock = SYSTEM, timeout_s: float = TIMEOUT_S) -> None:
        """Open the stream. Raises CameraError if nothing answers, or the answer holds no video."""
        self.spec = masked(url)
        self._clock = clock
        self._index = 0
        wait_ms = int(timeout_s * 1000)
        options = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, wait_ms, cv2.CAP_PROP_READ_TIMEOUT_MSEC, wait_ms]
        self._capture = cv2.VideoCapture(url, cv2.CAP_FFMPEG, options)
        first = self._decode()
        if first is None:
            self._capture.release()
            raise CameraError(
                f"cannot open {self.spec}: no answer within {timeout_s:g} s, or not a video stream; check the address and path"
            )
        height, width = first.shape[:2]  # not passed on: it is stale by the time the loop starts
        self.description = f"a stream, {width}x{height}"

    def read(self) -> Frame:
        """Return the next frame. Raises CameraLost if the server is gone."""
        pixels = self._decode()
        if pixels is None:
            raise CameraLost(f"{self.spec} stopped sending after {self._index} frames")
        frame = Frame(pixels, "BGR", self._index, self._clock.monotonic(), self.spec)
        self._index += 1
        return frame

    def close(self) -> None:
        """Close the stream."""
        self._capture.release()

    def _decode(self) -> Pixels | None:
        good, pixels = self._capture.read() if self._capture.isOpened() else (False, None)
        return pixels if good else None


def open_stream(url: str, clock: Clock = SYSTEM, wanted: CaptureRequest = ANY) -> LiveSource:
    """Open an ``http://``, ``https://`` or ``rtsp://`` URL. Raises BadInput, CameraError."""
    url = encoded(url)
    try:
        host = urlsplit(url).hostname
    except ValueError:
        host = None
    if not host:
        raise BadInput(f"invalid URL {masked(url)}: the host is missing; example: rtsp://192.168.1.20:554/stream1")
    freeze_timeout_s = wanted.freeze_timeout_or(FROZEN_S)
    reader: Reader | None = None
    if urlsplit(url).scheme.lower() in ("http", "https"):
        reader = open_mjpeg(url, masked(url), TIMEOUT_S, wanted, clock)
    return NewestFrame(reader or StreamReader(url, clock), TIMEOUT_S, freeze_timeout_s, may_repeat=True, identity=url)
