"""A clip in the making: frames from before an event until some time after the last one."""

from __future__ import annotations

from edgevision.types import Label

from ..clip_list import MAX_EVENTS, EventKey
from .frame_ring import ROUNDING_S, ClipFrame


class Recording:
    """Frames of one clip; further events extend it up to a longest length."""

    def __init__(self, label: Label, frames: list[ClipFrame], after_s: float, max_s: float, max_bytes: int) -> None:
        """``frames``: at least one, the last of which shows the event."""
        self.label, self.frames = label, frames
        self.event_wall_s = frames[-1].wall_s
        """Time of the first event in seconds since 1970."""
        self._after_s, self._max_bytes = after_s, max_bytes
        self._latest_end = frames[0].at_s + max_s
        self._end = 0.0
        self.bytes = sum(len(frame.jpeg) for frame in frames)
        """Bytes of the frames."""
        self.events: list[EventKey] = []
        """The events it shows."""
        self.extend(label, frames[-1].at_s)

    def extend(self, label: Label, at_s: float) -> None:
        """Record until ``after_s`` after another event; the clip is named by the highest score."""
        self._end = min(at_s + self._after_s, self._latest_end)
        if label.score > self.label.score:
            self.label = label

    def shows(self, event: EventKey) -> None:
        """Note an event that it shows."""
        if len(self.events) < MAX_EVENTS:
            self.events.append(event)

    def add(self, frame: ClipFrame) -> bool:
        """Add a frame; return whether the clip takes more."""
        if frame.at_s <= self.frames[-1].at_s or frame.at_s > self._end + ROUNDING_S:
            return False
        self.frames.append(frame)
        self.bytes += len(frame.jpeg)
        return self.bytes < self._max_bytes
