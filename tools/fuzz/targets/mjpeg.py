"""The answer of an HTTP camera, from its status line on."""

from __future__ import annotations

import http.client
import io
from pathlib import Path
from typing import Any, cast

from edgevision.device.cameras.backends.mjpeg_http import MjpegReader
from edgevision.device.stream.request import ANY
from edgevision.device.system.clock import SYSTEM

MAX_FRAMES = 50


class _Sent:
    """A socket whose peer sent these bytes and closed the connection."""

    def __init__(self, data: bytes) -> None:
        self._stream = io.BytesIO(data)

    def makefile(self, *_: Any) -> io.BytesIO:
        return self._stream

    def shutdown(self, how: int) -> None:
        pass

    def close(self) -> None:
        pass


def read_answer(data: bytes, folder: Path) -> None:
    """Read frames until the stream ends."""
    sent = cast(Any, _Sent(data))
    answer = http.client.HTTPResponse(sent, method="GET")
    try:
        answer.begin()
    except (OSError, http.client.HTTPException, ValueError):
        return  # handled where the connection is opened
    reader = MjpegReader("http://camera/", sent, answer, ANY, SYSTEM)
    for _ in range(MAX_FRAMES):
        reader.read()
