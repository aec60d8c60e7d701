"""Events of the loop for tracks: crossed a line, entered or left a zone, recognized by the second model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..stream.events import Event
from ..system.clock import Clock, rfc3339

if TYPE_CHECKING:
    from edgevision.types import Frame

    from ..cascade.recognition import Recognition
    from ..tracking.scene import TrackEvent


def event_of(happened: TrackEvent, clock: Clock, live: bool) -> Event:
    """Return the event of a track; ``live``: its time is a capture time, else a position in a video."""
    crossed = happened.kind == "crossed"
    return Event(
        happened.kind,
        _time(happened.at, clock, live),
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


def recognized(found: Recognition, crop: Frame | None, clock: Clock, live: bool) -> Event:
    """Return the event of what the second model recognized; ``crop``: the best image of the object, ``live``: as above."""
    now = f"{found.label.name} {found.label.score:.2f}"
    change = now if found.before is None else f"{found.before.name} -> {now}"
    return Event(
        "recognized",
        _time(found.at, clock, live),
        found.index,
        f"{found.of.name} #{found.track}: {change}",
        found.label,
        found.before,
        position_s=None if live else found.at,
        track=found.track,
        of=found.of,
        crop=crop,
    )


def _time(at: float | None, clock: Clock, live: bool) -> str:
    age_s = clock.monotonic() - at if live and at is not None else 0.0
    return rfc3339(clock.wall() - age_s)


def _detail(happened: TrackEvent) -> str:
    """Format ``cat #7 crossed door forward`` or ``cat #7 left yard after 3.2 s``."""
    who = f"{happened.label.name} #{happened.track}"
    if happened.kind == "crossed":
        return f"{who} crossed {happened.place} {happened.direction}"
    verb = "entered" if happened.kind == "zone_entered" else "left"
    duration = "" if happened.duration_s is None else f" after {happened.duration_s:.1f} s"
    return f"{who} {verb} {happened.place}{duration}"
