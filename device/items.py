"""What flows through the loop beside frames: pictures that cannot be read, notices of the source, and events."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Unreadable:
    """In the place of a frame that could not be read or recognised, so that every picture gets its line."""

    index: int
    """Counts with the frames."""
    source: str
    message: str


@dataclass(frozen=True, slots=True)
class Notice:
    """What a source says of itself, in order with its frames; the loop makes an event of it."""

    kind: str
    """camera_lost, camera_back or camera_frozen."""
    detail: str


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to the loop rather than in a picture."""

    kind: str
    """camera_lost, sink_down, sink_up ..."""
    time: str
    """RFC 3339, UTC."""
    index: int | None
    """Of the last frame before it; None: there was none yet."""
    detail: str
