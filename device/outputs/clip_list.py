"""The clips that one output of this run wrote."""

from __future__ import annotations

import os
import secrets
import stat
from collections import deque
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from edgevision.errors import MissingFile

if TYPE_CHECKING:
    from ..stream.events import Event

KEPT = 200
"""Number of the newest clips that are listed."""
MAX_EVENTS = 100
"""Number of events that are listed for a clip."""


class EventKey(NamedTuple):
    """What identifies an event of a run."""

    time: str
    frame: int | None
    """Index of the frame."""
    kind: str
    detail: str


def key_of(event: Event) -> EventKey:
    """Return the key of an event."""
    return EventKey(event.time, event.index, event.kind, event.detail)


class WrittenClip(NamedTuple):
    """A clip in its folder."""

    id: str
    """Random, so it never names another clip, not even after a restart."""
    path: Path
    label: str
    score: float
    wall_s: float
    """Time of the first frame in seconds since 1970."""
    seconds: float
    bytes: int
    events: tuple[EventKey, ...]


class ClipList:
    """Filled by the encoder, read by the live page. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._clips: deque[WrittenClip] = deque(maxlen=KEPT)

    @property
    def newest(self) -> WrittenClip | None:
        """The clip written last, which may be deleted by now."""
        with self._lock:
            return self._clips[-1] if self._clips else None

    def add(
        self, path: Path, label: str, score: float, wall_s: float, seconds: float, size: int, events: list[EventKey]
    ) -> None:
        """Add a clip that was just written."""
        made = WrittenClip(secrets.token_hex(8), path, label, score, wall_s, seconds, size, tuple(events))
        with self._lock:
            self._clips.append(made)

    def existing(self) -> list[WrittenClip]:
        """Return the clips whose files still exist, newest first."""
        with self._lock:
            clips = list(self._clips)
        return [clip for clip in reversed(clips) if _exists(clip)]

    def open(self, number: str) -> tuple[WrittenClip, BinaryIO]:
        """Open a clip by its id. Raises MissingFile."""
        with self._lock:
            clip = next((one for one in self._clips if one.id == number), None)
        if clip is None:
            raise MissingFile("there is no such clip")
        try:
            descriptor = os.open(clip.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            raise MissingFile("this clip was deleted") from None
        if not _is(clip, os.fstat(descriptor)):
            os.close(descriptor)
            raise MissingFile("the file of this clip was replaced")
        return clip, os.fdopen(descriptor, "rb")


def _exists(clip: WrittenClip) -> bool:
    try:
        return _is(clip, clip.path.lstat())
    except OSError:
        return False


def _is(clip: WrittenClip, found: os.stat_result) -> bool:
    """Return whether a file is still what was written."""
    return stat.S_ISREG(found.st_mode) and found.st_size == clip.bytes
