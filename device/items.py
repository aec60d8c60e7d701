"""What flows through the loop beside frames: pictures that cannot be read, notices of the source, and events."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edgevision.data import Label


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
    """Something that happened to the loop, or that came or went in what it sees."""

    kind: str
    """camera_lost, camera_back, camera_frozen, sink_down, sink_up, throttled, first_answer; of labels entered, left, changed."""
    time: str
    """RFC 3339, UTC; of labels that of the frame."""
    index: int | None
    """Of the frame, or of the last one before it; None: there was none yet."""
    detail: str
    label: Label | None = None
    """What entered or left, or took the place of ``before``."""
    before: Label | None = None
    duration_s: float | None = None
    """How long what left, or gave way, was there."""
    position_s: float | None = None
    """Of the frame in a video."""
