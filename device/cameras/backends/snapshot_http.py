"""Cameras that answer every request with one image, such as ``/capture`` of an ESP32 or ``snapshot.cgi``."""

from __future__ import annotations

from dataclasses import replace
from http.client import HTTPException
from threading import Event
from typing import TYPE_CHECKING

from edgevision.errors import BadImage, CameraError, CameraLost
from edgevision.log import Log

from ...stream.protocols import Reader
from ...stream.request import CaptureRequest
from ...system.clock import SYSTEM, Clock
from .jpeg_splitter import MAX_BYTES
from .mjpeg_http import decoded, describe

if TYPE_CHECKING:
    from edgevision.types import Frame

    from .http_client import Answer, HttpClient
    from .timed_socket import TimedSocket

log = Log("edgevision.cameras")
DEFAULT_FPS = 1.0
"""Requests per second unless the user asks for another rate."""
_CHUNK = 1 << 16


class SnapshotReader(Reader):
    """Asks for one image after the other."""

    def __init__(
        self, client: HttpClient, first: Answer, wanted: CaptureRequest, timeout_s: float, clock: Clock = SYSTEM
    ) -> None:
        """Read the image of the ``first`` answer by its deadline. Raises CameraError."""
        self.spec = client.shown
        self.damaged = 0
        """Number of images truncated, corrupted or not sent."""
        self._client, self._wanted, self._clock = client, wanted, clock
        self._timeout_s = timeout_s
        self.period_s = 1 / (wanted.fps or DEFAULT_FPS)
        self._index = 0
        self._ended = Event()
        self._link: TimedSocket | None = first.link
        try:
            frame = self._decoded(first)  # not passed on: it is stale by the time the loop starts
        except (CameraError, BadImage) as error:
            raise CameraError(f"cannot open {self.spec}: {error}") from None
        self._due = clock.monotonic()
        self.description = f"single images, one every {self.period_s:g} s, {describe(frame)}"

    def read(self) -> Frame | None:
        """Return the next image, None once closed. Raises CameraLost if none arrives in time."""
        lost_at = self._clock.monotonic() + self._timeout_s + self.period_s
        while not self._clock.wait(self._ended, max(0.0, self._due - self._clock.monotonic())):
            self._due = max(self._due + self.period_s, self._clock.monotonic())
            try:
                answer = self._client.get(self._timeout_s, self._watch)
                frame = self._decoded(answer)
            except (CameraError, BadImage) as error:
                if self._ended.is_set():
                    return None
                if self._clock.monotonic() >= lost_at:
                    raise CameraLost(f"{self.spec} sent no image for {self._timeout_s:g} s: {error}") from None
                log.info("%s: no image this time: %s", self.spec, error)
                self.damaged += 1
                self._due += self.period_s
                continue
            frame = replace(frame, index=self._index, captured_at=self._clock.monotonic(), source=self.spec)
            self._index += 1
            return frame
        return None

    def interrupt(self) -> None:
        """End a waiting read."""
        self._ended.set()
        if self._link is not None:
            self._link.interrupt()

    def close(self) -> None:
        """Stop asking."""
        self._ended.set()

    def _watch(self, link: TimedSocket) -> None:
        self._link = link
        if self._ended.is_set():
            link.interrupt()

    def _decoded(self, answer: Answer) -> Frame:
        """Read and decode the image of an answer. Raises CameraLost, BadImage."""
        try:
            if not answer.kind.startswith("image/") and not answer.peek().startswith(b"\xff\xd8"):
                raise CameraLost(f"the server sent {answer.kind or 'something'!r}, not an image")
            return decoded(_body(answer), self.spec, self._wanted)
        except TimeoutError:
            raise CameraLost(f"no complete image within {self._timeout_s:g} s") from None
        except (OSError, HTTPException, ValueError) as error:
            if isinstance(error, BadImage | CameraError):
                raise
            raise CameraLost("the connection broke before the end of the image") from None
        finally:
            answer.close()


def _body(answer: Answer) -> bytes:
    """Return the whole body. Raises OSError, HTTPException, ValueError, CameraLost if it has no end."""
    body = bytearray()
    while data := answer.read1(_CHUNK):
        body += data
        if len(body) > MAX_BYTES:
            raise CameraLost(f"an image of more than {MAX_BYTES >> 20} MB")
    if answer.length is not None and len(body) < answer.length:
        raise CameraLost("the image ends early")
    return bytes(body)
