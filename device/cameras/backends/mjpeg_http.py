"""Motion JPEG over HTTP, as sent by many network cameras, read one JPEG at a time.

FFMPEG would complete a truncated image with the rest of the previous one; this reader detects and skips it.
"""

from __future__ import annotations

import http.client
import socket
from base64 import b64encode
from collections import deque
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, unquote, urlsplit

from edgevision.errors import BadImage, CameraError, CameraLost
from edgevision.log import Log
from edgevision.preprocessing import decode

from ...stream.protocols import Reader
from ...stream.request import ANY, CaptureRequest
from ...system.clock import SYSTEM, Clock
from ..wrappers.jpeg_scale import reduction
from .jpeg_splitter import JpegSplitter, jpeg_size

if TYPE_CHECKING:
    from edgevision.types import Frame

log = Log("edgevision.cameras")
_CHUNK = 1 << 16
_BAD = 10
"""Number of consecutive damaged images after which the camera counts as lost."""
_KINDS = ("multipart/x-mixed-replace", "multipart/mixed")


class MjpegReader(Reader):
    """Reads one stream as BGR frames."""

    def __init__(
        self,
        shown: str,
        connected: socket.socket,
        answer: http.client.HTTPResponse,
        wanted: CaptureRequest,
        clock: Clock,
    ) -> None:
        """Read a first image; ``shown``: the URL without secrets. Raises CameraError if no image arrives."""
        self.spec = shown
        self.damaged = 0
        """Number of images truncated or corrupted in transit."""
        self._socket, self._answer = connected, answer
        self._wanted, self._clock = wanted, clock
        self._splitter = JpegSplitter()
        self._waiting: deque[bytes] = deque()
        self._index = 0
        try:
            first = self.read()  # not passed on: it is stale by the time the loop starts
        except CameraLost as error:
            self.close()
            raise CameraError(f"cannot open {shown}: {error}") from None
        self._index = self.damaged = 0
        scaled = f", decoded at 1/{first.reduced} of its size" if first.reduced > 1 else ""
        self.description = f"Motion JPEG, {first.width * first.reduced}x{first.height * first.reduced}{scaled}"

    def read(self) -> Frame:
        """Return the next frame, skipping damaged ones. Raises CameraLost."""
        for _ in range(_BAD):
            data = self._next()
            try:
                frame = decode.decode(data, self.spec, self._reduction(data))
            except BadImage:
                self.damaged += 1
                self._index += 1
                continue
            frame = replace(frame, index=self._index, captured_at=self._clock.monotonic(), source=self.spec)
            self._index += 1
            return frame
        raise CameraLost(f"{self.spec} sent only damaged images")

    def interrupt(self) -> None:
        """End a waiting read."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Close the connection."""
        self.interrupt()
        self._answer.close()
        self._socket.close()

    def _next(self) -> bytes:
        while not self._waiting:
            try:
                data = self._answer.read1(_CHUNK)
            except (OSError, http.client.HTTPException, ValueError):  # timed out, closed by the server or by us
                data = b""
            if not data:
                raise CameraLost(f"{self.spec} stopped sending after {self._index} frames")
            self._waiting.extend(self._splitter.feed(data))
        return self._waiting.popleft()

    def _reduction(self, data: bytes) -> int:
        size = jpeg_size(data)
        return 1 if size is None else min(reduction(*size, self._wanted), reduction(*size[::-1], self._wanted))


def open_mjpeg(
    url: str, shown: str, timeout_s: float, wanted: CaptureRequest = ANY, clock: Clock = SYSTEM
) -> MjpegReader | None:
    """Open a camera at an HTTP(S) URL; return None if the answer is another format, for FFMPEG. Raises CameraError."""
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    assert parts.hostname is not None  # the caller checked it
    try:
        connection = kind(parts.hostname, parts.port, timeout=timeout_s)
        connection.request("GET", _target(parts), headers=_headers(parts))
        connected = connection.sock  # the connection drops it for responses without a length
        answer = connection.getresponse()
    except TimeoutError:
        raise CameraError(
            f"cannot open {shown}: no answer within {timeout_s:g} s; check the address and that the camera is on"
        ) from None
    except (OSError, http.client.HTTPException, ValueError) as error:
        log.info("%s: not read here (%s); FFMPEG tries it", shown, type(error).__name__)
        return None  # such as a self-signed certificate or malformed HTTP
    if answer.status == 200 and (answer.getheader("Content-Type") or "").lower().startswith(_KINDS):
        return MjpegReader(shown, connected, answer, wanted, clock)
    connection.close()
    if 400 <= answer.status < 600 and answer.status != 401:
        raise CameraError(f"cannot open {shown}: the server answered {answer.status} {answer.reason}")
    log.info("%s: not Motion JPEG (status %d); FFMPEG tries it", shown, answer.status)
    return None


def _target(parts: SplitResult) -> str:
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def _headers(parts: SplitResult) -> dict[str, str]:
    headers = {"User-Agent": "edgevision", "Accept": "multipart/x-mixed-replace, */*"}
    if parts.username is not None:
        secret = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        headers["Authorization"] = "Basic " + b64encode(secret.encode()).decode("ascii")
    return headers
