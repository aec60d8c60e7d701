"""What flows through the loop besides frames: unreadable images, source events and loop events."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from edgevision.records import record

if TYPE_CHECKING:
    from edgevision.types import Frame, Label


@record
class Unreadable:
    """Takes the place of a frame that could not be read or processed, so that every image has an output line."""

    index: int
    """Frame number, in one sequence with the frames."""
    source: str
    """Origin of the image: the camera's spec or the path of the file."""
    message: str
    """What is wrong."""


class SourceEvent(NamedTuple):
    """Reported by a source in sequence with its frames; the loop turns it into an event."""

    kind: str
    """camera_lost, camera_back or camera_frozen."""
    detail: str


class ReleaseChange(NamedTuple):
    """What happened to the releases of this device."""

    before: str | None
    """Release before; None: it is the first."""
    new: str
    """Release that was deployed."""
    state: str
    """provisional, confirmed, reverted, or stopped."""
    reason: str
    """Why it was taken back; empty otherwise."""

    def describe(self) -> str:
        """Return a description of one line."""
        if self.state in ("reverted", "stopped"):
            return f"{self.new} was taken back ({self.reason}); {self.before or 'nothing'} runs"
        return f"{self.new} is {'on trial' if self.state == 'provisional' else self.state}"


@record
class Event:
    """Something that happened in the loop, or a change in what it sees."""

    kind: str
    """camera_lost, camera_back, camera_frozen, output_down, output_up, throttled, first_answer, drift, release; for labels
    entered, left, changed; for tracks crossed, zone_entered, zone_left, recognized."""
    time: str
    """RFC 3339, UTC; for labels the time of the frame."""
    index: int | None
    """Index of the frame, or of the last one before the event; None: no frame yet."""
    detail: str
    """Description for display."""
    label: Label | None = None
    """Label that entered, left, or replaced ``before``; class of the object that is tracked; of ``recognized``, what the second
    model says of it."""
    before: Label | None = None
    """Label that was replaced."""
    duration_s: float | None = None
    """Seconds that the label which left or was replaced had been present, or the object in the zone that it left."""
    position_s: float | None = None
    """Position of the frame in a video, in seconds."""
    track: int | None = None
    """Track that crossed a line, entered or left a zone, or was recognized."""
    line: str | None = None
    """Name of the line that was crossed."""
    direction: str | None = None
    """forward or backward."""
    zone: str | None = None
    """Name of the zone."""
    of: Label | None = None
    """Of ``recognized``: what the detector found, with its score."""
    measure: str | None = None
    """What has drifted: features or scores."""
    value: float | None = None
    """Distance of the last hour from the first days, in units of the distance of two unrelated images."""
    expected: float | None = None
    """The largest usual distance."""
    release: ReleaseChange | None = None
    """What happened to the releases of this device."""
    crop: Frame | None = None
    """Best image of the object of the track so far; for outputs that store images."""


class OutputClosed(Exception):
    """The reader of our output disconnected (``| head``): not an error, but there is nobody left to write to."""
