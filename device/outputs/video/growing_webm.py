"""A WebM file that grows while it is recorded, and plays to its end at any time, also after a power cut."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from ..clips import webm_elements as webm
from ..clips.ivf import Packet


class Size(NamedTuple):
    """Size of the track in pixels."""

    width: int
    height: int


class GrowingWebm:
    """Appends whole clusters. Until the end, the segment has an unknown size, and there is no index and no duration."""

    def __init__(self, path: Path, size: Size, wall_s: float, title: str) -> None:
        """Begin a new file; ``wall_s``: time of its first frame in seconds since 1970. Raises OSError."""
        self.size = size
        self._points: list[tuple[int, int]] = []
        self._last_ms = 0
        self._file = path.open("xb", buffering=0)
        front = webm.head() + webm.open_element(webm.SEGMENT, None)
        self._segment, self._index_place = len(front), len(front)
        front += webm.space(len(webm.seek_head(0)))
        about = webm.info(webm.space(len(webm.duration(0.0))), wall_s, title)
        self._duration_place = len(front) + len(webm.open_element(webm.INFO, None))
        self.bytes = 0
        """Size of the file."""
        self._append(front + about + webm.tracks(*size))

    def add(self, packets: Sequence[Packet], times_ms: Sequence[int]) -> None:
        """Append frames, of which the first is a key frame, and bring them to the disk.

        ``times_ms``: time of each since the first frame of the file, rising. Raises OSError, which leaves the file as it was.
        """
        clusters = webm.clusters(packets, times_ms)
        place = self.bytes - self._segment
        points = []
        for at, data in clusters:
            points.append((at, place))
            place += len(data)
        self._append(b"".join(data for _, data in clusters))
        self._points += points
        self._last_ms = times_ms[-1]

    def close(self, frame_ms: float) -> None:
        """Add the index, and fill in duration and size; ``frame_ms``: how long the last frame is shown. Raises OSError."""
        try:
            place = self.bytes - self._segment
            self._append(webm.cues(self._points))
            self._fill(self._index_place, webm.seek_head(place))
            self._fill(self._duration_place, webm.duration(self._last_ms + frame_ms))
            self._fill(
                self._segment - len(webm.open_element(webm.SEGMENT, 0)),
                webm.open_element(webm.SEGMENT, self.bytes - self._segment),
            )
            os.fsync(self._file.fileno())
        finally:
            self._file.close()

    def _append(self, data: bytes) -> None:
        try:
            written = self._file.write(data)
            if written != len(data):
                raise OSError("the disk is full")
            os.fsync(self._file.fileno())
        except OSError:
            self._file.truncate(self.bytes)
            self._file.seek(self.bytes)
            raise
        self.bytes += len(data)

    def _fill(self, place: int, data: bytes) -> None:
        self._file.seek(place)
        self._file.write(data)
