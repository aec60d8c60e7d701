"""The answers of an HTTP camera, from the status line on; every connection gets the same bytes."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any
from unittest.mock import patch

from edgevision.device.cameras.backends import http_client
from edgevision.device.cameras.backends.mjpeg_http import MjpegReader
from edgevision.device.cameras.backends.network import open_http

URL = "http://user:secret@camera/"
MAX_FRAMES = 50


class _Sent:
    """A connection whose other end sent these bytes and closed it."""

    data = b""

    def __init__(self, *_: object) -> None:
        self.deadline = 0.0

    def makefile(self, *_: object) -> io.BufferedReader:
        return io.BufferedReader(io.BytesIO(self.data))

    def sendall(self, data: bytes) -> None:
        pass

    def interrupt(self) -> None:
        pass

    def close(self) -> None:
        pass


def read_answer(data: bytes, folder: Path) -> None:
    """Open the camera and read frames until the stream ends."""
    _Sent.data = data
    link: Any = _Sent
    with patch.object(http_client, "TimedSocket", link):
        reader = open_http(URL)
        if isinstance(reader, MjpegReader):  # the other kind waits between images
            for _ in range(MAX_FRAMES):
                reader.read()
