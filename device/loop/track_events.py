"""Events of the loop for tracks that cross lines and enter or leave zones."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..stream.events import Event
from ..system.clock import Clock, rfc3339

if TYPE_CHECKING:
    from ..tracking.scene import TrackEvent


def event_of(happened: TrackEvent, clock: Clock, live: bool) -> Event:
    """Return the event of a track; ``live``: its time is a capture time, else a position in a video."""
    age_s = clock.monotonic() - happened.at if live and happened.at is not None else 0.0
    crossed = happened.kind == "crossed"
    return Event(
        happened.kind,
        rfc3339(clock.wall() - age_s),
        happened.index,
        _detail(happened),
        happened.label,
        duration_s=happened.duration_s,
        position_s=None if live else happened.at,
        track=happened.track,
        line=happened.place if crossed else None,
        direction=happened.direction,
        zone=None if crossed else happened.place,
        crop=happened.crop,
    )


def _detail(happened: TrackEvent) -> str:
    """Format ``cat #7 crossed door forward`` or ``cat #7 left yard after 3.2 s``."""
    who = f"{happened.label.name} #{happened.track}"
    if happened.kind == "crossed":
        return f"{who} crossed {happened.place} {happened.direction}"
    verb = "entered" if happened.kind == "zone_entered" else "left"
    duration = "" if happened.duration_s is None else f" after {happened.duration_s:.1f} s"
    return f"{who} {verb} {happened.place}{duration}"
