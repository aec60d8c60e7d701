"""Network cameras: Motion JPEG and single images over HTTP(S) by our own readers, RTSP and others by FFMPEG."""

from __future__ import annotations

import os
from http.client import HTTPException
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from edgevision.errors import BadInput, CameraError, CameraLost
from edgevision.files.url_secrets import encoded, masked, with_password
from edgevision.log import Log
from edgevision.types import Frame

from ...stream.protocols import Reader
from ...stream.request import ANY, CaptureRequest
from ...system.clock import SYSTEM, Clock
from ..wrappers.cancellable_open import Opening
from ..wrappers.reader_thread import NewestFrame
from . import ffmpeg_capture
from .http_client import HttpClient, NotHttp
from .mjpeg_http import MjpegReader
from .rtsp_probe import check_server
from .snapshot_http import SnapshotReader

if TYPE_CHECKING:
    from edgevision.types import Pixels

    from ...stream.protocols import LiveSource
    from .http_client import Answer

log = Log("edgevision.cameras")
PASSWORD = "EDGEVISION_CAMERA_PASSWORD"
"""Environment variable with the password of a URL that names a user only."""
TIMEOUT_S = 10.0
"""Seconds in which each frame must arrive whole; else the camera is lost."""
OPEN_TIMEOUT_S = 7.0
"""Seconds for an HTTP server to answer with a first image, redirects included, or for FFMPEG to open a stream."""
MAX_OPEN_S = 2 * OPEN_TIMEOUT_S + TIMEOUT_S
"""Seconds for all attempts to open a camera together, name look-up included."""
_EXAMPLE = "example: rtsp://192.168.1.20:554/stream1"
_STREAMS = frozenset({"multipart/x-mixed-replace", "multipart/mixed"})
_PAGES = frozenset({"text/html", "application/xhtml+xml"})
FROZEN_S = 60.0
"""Seconds: a compressed stream of a static scene repeats frames, but not for this long."""


class StreamReader(Reader):
    """Decodes one stream as BGR frames."""

    def __init__(
        self,
        url: str,
        clock: Clock = SYSTEM,
        timeout_s: float = TIMEOUT_S,
        open_timeout_s: float = OPEN_TIMEOUT_S,
    ) -> None:
        """Open the stream. Raises CameraError if nothing answers, or the answer holds no video."""
        self.spec = masked(url)
        self._clock = clock
        self._index = 0
        self._capture = ffmpeg_capture.open_url(url, open_timeout_s, timeout_s)
        first = self._decode()
        if first is None:
            self._capture.release()
            reason = (
                f"no answer within {open_timeout_s:g} s, or not a video stream; check the address, path and password"
            )
            raise CameraError(f"cannot open {self.spec}: {reason}")
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
    """Open an ``http(s)://`` or ``rtsp(s)://`` URL within MAX_OPEN_S. Raises BadInput, CameraError."""
    url = with_password(encoded(url), os.environ.get(PASSWORD))
    _check(url)
    opening = Opening(lambda: _open(url, clock, wanted), masked(url))
    try:
        source = opening.wait(MAX_OPEN_S)
    except TimeoutError:
        raise CameraError(f"cannot open {masked(url)}: no answer within {MAX_OPEN_S:g} s; check the address") from None
    assert source is not None  # only ``abandon`` returns None
    return source


def _check(url: str) -> None:
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise BadInput(f"invalid URL {masked(url)}: {str(error).split(':')[0].lower()}; {_EXAMPLE}") from None
    if not host:
        raise BadInput(f"invalid URL {masked(url)}: the host is missing; {_EXAMPLE}")


def _open(url: str, clock: Clock, wanted: CaptureRequest) -> LiveSource:
    reader: Reader | None = None
    period_s = 0.0
    if urlsplit(url).scheme.lower() in ("http", "https"):
        reader = open_http(url, wanted, clock=clock)
        period_s = reader.period_s if isinstance(reader, SnapshotReader) else 0.0
    if reader is None:
        _require_verifiable(url, wanted.insecure)
        if urlsplit(url).scheme.lower() == "rtsp":
            check_server(url, OPEN_TIMEOUT_S)
        reader = StreamReader(url, clock)
    freeze_timeout_s = wanted.freeze_timeout_or(max(FROZEN_S, 10 * period_s))
    return NewestFrame(reader, TIMEOUT_S + 3 * period_s, freeze_timeout_s, may_repeat=True, identity=url)


def open_http(
    url: str,
    wanted: CaptureRequest = ANY,
    timeout_s: float = TIMEOUT_S,
    open_timeout_s: float = OPEN_TIMEOUT_S,
    clock: Clock = SYSTEM,
) -> MjpegReader | SnapshotReader | None:
    """Open a camera at an HTTP(S) URL; return None if the answer is another format, for FFMPEG. Raises CameraError."""
    shown = masked(url)
    client = HttpClient(url, wanted.insecure)
    try:
        answer = client.get(open_timeout_s)
    except NotHttp:
        if urlsplit(url).scheme.lower() == "https":
            raise
        log.info("%s: its answer is not HTTP; FFMPEG tries it", shown)
        return None
    try:
        kind = _kind(answer, shown)
    except (OSError, HTTPException, ValueError) as error:
        answer.close()
        if isinstance(error, CameraError):
            raise
        raise CameraError(f"cannot open {shown}: no image within {open_timeout_s:g} s") from None
    if kind == "stream":
        return MjpegReader(shown, answer, wanted, timeout_s, clock)
    if kind == "image":
        return SnapshotReader(client, answer, wanted, timeout_s, clock)
    answer.close()
    log.info("%s: neither Motion JPEG nor an image (%s); FFMPEG tries it", shown, answer.kind or "no type")
    return None


def _kind(answer: Answer, shown: str) -> str:
    """Return ``stream``, ``image`` or ``other``, by the type and the first bytes. Raises CameraError, and as ``peek``."""
    if answer.encoding != "identity":
        raise CameraError(f"cannot open {shown}: the server sends compressed data, which cameras do not")
    if answer.kind in _STREAMS:
        return "stream"
    if answer.kind.startswith("image/"):
        return "image"
    if answer.kind in _PAGES:
        raise CameraError(
            f"cannot open {shown}: the server sent a web page, not images; give the address of the images or the stream"
        )
    start = answer.peek()
    if start.startswith(b"\xff\xd8\xff"):
        return "stream" if answer.length is None else "image"
    return "stream" if start.lstrip().startswith(b"--") else "other"


def _require_verifiable(url: str, insecure: bool) -> None:
    """Refuse an encrypted stream that only FFMPEG can read: it does not compare the certificate with the host."""
    scheme = urlsplit(url).scheme.lower()
    if scheme in ("https", "rtsps") and not insecure:
        raise CameraError(
            f"cannot open {masked(url)}: the certificate of such a stream cannot be verified here (only that of Motion JPEG "
            "and single images over https); accept any certificate with --insecure"
        )
