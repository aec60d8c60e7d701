"""Network cameras: MJPEG over HTTP by our own reader, RTSP and others by FFMPEG. Hides passwords in URLs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, urlsplit, urlunsplit

import cv2

from edgevision.errors import BadInput, CameraError, CameraLost
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
_SECRET = re.compile(r"(?i)([^=&;]*(?:pass|pwd|token|secret|key|auth|user|login|credential)[^=&;]*=)[^&;]*")


class StreamReader(Reader):
    """Decodes one stream as BGR frames."""

    def __init__(self, url: str, clock: Clock = SYSTEM, timeout_s: float = TIMEOUT_S) -> None:
        """Open the stream. Raises CameraError if nothing answers, or the answer holds no video."""
        self.spec = shown(url)
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
    try:
        host = urlsplit(url).hostname
    except ValueError:
        host = None
    if not host:
        raise BadInput(f"invalid URL {shown(url)}: the host is missing; example: rtsp://192.168.1.20:554/stream1")
    freeze_timeout_s = wanted.freeze_timeout_or(FROZEN_S)
    reader: Reader | None = None
    if urlsplit(url).scheme.lower() in ("http", "https"):
        reader = open_mjpeg(url, shown(url), TIMEOUT_S, wanted, clock)
    return NewestFrame(reader or StreamReader(url, clock), TIMEOUT_S, freeze_timeout_s, may_repeat=True, identity=url)


def shown(url: str) -> str:
    """Return the URL with ``***`` in place of user, password and any key in the query."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return url.partition("://")[0] + "://***"
    address = parts.netloc.rpartition("@")
    netloc = f"***@{address[2]}" if address[1] else parts.netloc
    path, secret = parts.path, parts.path.rpartition("@")
    if secret[1] and not parts.netloc:  # user:password@host without a scheme
        path = f"***@{secret[2]}"
    elif secret[1] and not _port_is_valid(parts):  # a slash in the password
        netloc, path = f"***@{secret[2]}", ""
    return urlunsplit((parts.scheme, netloc, path, _SECRET.sub(r"\1***", parts.query), ""))


def _port_is_valid(parts: SplitResult) -> bool:
    try:
        return parts.port is None or parts.port >= 0
    except ValueError:
        return False
