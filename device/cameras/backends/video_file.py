"""Video files through FFMPEG: every frame is delivered, with its position."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import cv2

from edgevision.errors import BadInput
from edgevision.input_file import open_file
from edgevision.types import Frame

from ...stream.events import Unreadable
from ...stream.protocols import Reader
from ..wrappers.reader_thread import EveryFrame
from . import ffmpeg_capture

if TYPE_CHECKING:
    from edgevision.types import Pixels

    from ...stream.protocols import Source

_HEAD = 4096
"""Number of bytes examined before FFMPEG gets the file."""
_PLAYLISTS = (
    b"ffconcat",
    b"#extm3u",
    b"v=0",
    b"[playlist]",
    b"[reference]",
    b"<asx",
    b"<?xml",
    b"<mpd",
    b"<smil",
    b"rtsptext",
)
"""First bytes of text formats that name other files or servers, in lower case."""


class VideoReader(Reader):
    """Decodes one file as BGR frames."""

    def __init__(self, path: Path) -> None:
        """Open the file. Raises BadInput if it is not a video or holds no images."""
        self.spec = str(path)
        self._index = 0
        self._ended = False
        if reason := _no_video(path):
            raise _refusal(path, reason)
        self._capture = ffmpeg_capture.open_file(str(path.absolute()))
        self._next = self._decode()
        if self._next is None:
            self._capture.release()
            raise _refusal(path, "not a video, or damaged")
        height, width = self._next[0].shape[:2]
        fps = float(self._capture.get(cv2.CAP_PROP_FPS))
        self.description = f"a video, {width}x{height}" + (f" at {fps:.4g} frames/s" if fps > 0 else "")

    def read(self) -> Frame | Unreadable | None:
        """Return the next frame, None at the end; a file that ends early yields an Unreadable first."""
        found = self._next or self._decode()
        self._next = None
        if found is None:
            return self._end()
        pixels, position_s = found
        frame = Frame(pixels, "BGR", self._index, None, self.spec, position_s)
        self._index += 1
        return frame

    def close(self) -> None:
        """Close the file."""
        self._capture.release()

    def _end(self) -> Unreadable | None:
        promised = self._capture.get(cv2.CAP_PROP_FRAME_COUNT)
        # Without a count in the container it is estimated from the duration, a frame more or less.
        if self._ended or not 0 < self._index < promised * 0.98 - 2:
            return None
        self._ended = True
        message = f"{self.spec} ends after {self._index} of {promised:.0f} frames: truncated, or damaged at the end"
        return Unreadable(self._index, self.spec, message)

    def _decode(self) -> tuple[Pixels, float] | None:
        if not self._capture.isOpened():
            return None
        good, pixels = self._capture.read()
        if not good or pixels is None:
            return None
        return pixels, max(0.0, float(self._capture.get(cv2.CAP_PROP_POS_MSEC)) / 1e3)


def open_video(path: Path) -> Source:
    """Open a video file. Raises BadInput."""
    return EveryFrame(VideoReader(path))


def _no_video(path: Path) -> str | None:
    """Return why a file is not a video, if certain. FFMPEG would render a text file as a video of its characters."""
    with open_file(path, "video") as stream:
        head = stream.read(_HEAD)
    if not head:
        return "the file is empty"
    if head.lstrip(b"\xef\xbb\xbf \t\r\n")[:16].lower().startswith(_PLAYLISTS):
        return "it is a playlist, which names other files"
    text = head.decode("utf-8", errors="ignore")
    if len(text.encode()) >= len(head) - 3 and all(char.isprintable() or char in "\t\n\f\r\x1b" for char in text):
        return "it is a text file"
    return None


def _refusal(path: Path, reason: str) -> BadInput:
    return BadInput(f"cannot read {path} as a video: {reason}; use a video, an image, a folder or a URL as source")
