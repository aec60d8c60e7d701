"""Tracking in the loop: adds tracks, counts and zones to predictions, and reports what crossed, entered and left."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, TypeVar

from edgevision.postprocessing.temporal import time_of
from edgevision.types import Detection, Point

from .line_counter import Direction, LineCounter
from .shapes import Shapes
from .tracker import Tracker
from .zone_monitor import ZoneMonitor

if TYPE_CHECKING:
    from edgevision.types import Frame, Label, LineCount, Prediction

    from .best_crops import BestCrops
    from .shapes import CountLine, Zone
    from .track import Track

Found = TypeVar("Found", Detection, Point)
Kind = Literal["crossed", "zone_entered", "zone_left"]


@dataclass(frozen=True, slots=True)
class TrackEvent:
    """A track that crossed a line, or entered or left a zone."""

    kind: Kind
    place: str
    """Name of the line or zone."""
    track: int
    label: Label
    """Class of the object, with the score of its last detection."""
    index: int
    """Index of the frame in which it was noticed."""
    at: float | None
    """When it happened, in seconds as the frame's time; None for images without time."""
    direction: Direction | None = None
    """Of ``crossed``."""
    crop: Frame | None = None
    """Best image of the object so far."""
    duration_s: float | None = None
    """How long the object was in the zone; only of ``zone_left``, and None for images without time."""


class TrackedScene:
    """Follows the objects of one camera, and watches its lines and zones."""

    def __init__(
        self,
        threshold: float,
        lines: Sequence[CountLine] = (),
        zones: Sequence[Zone] = (),
        labels: Sequence[str] = (),
        crops: BestCrops | None = None,
        always: bool = True,
    ) -> None:
        """
        Args:
            threshold: Lowest score with which an object is noticed, 0..1.
            lines: Counting lines with different names.
            zones: Zones with different names.
            labels: The only classes that are tracked; empty: all.
            crops: Keeps the best image of each object, for events; None: events have none.
            always: Whether to track without lines and zones, too; if not, they may still come.
        """
        self.shapes = Shapes(tuple(lines), tuple(zones))
        """The lines and zones that are watched."""
        self.tracker = Tracker(threshold)
        self._lines = [LineCounter(line) for line in lines]
        self._zones = [ZoneMonitor(zone) for zone in zones]
        self._labels = frozenset(labels)
        self._crops, self._always = crops, always
        self._timed = True

    def set_threshold(self, threshold: float) -> None:
        """Change the lowest score with which an object is noticed, 0..1."""
        self.tracker.threshold = threshold

    def set_shapes(self, shapes: Shapes, index: int) -> tuple[TrackEvent, ...]:
        """Watch other lines and zones; those that stay go on counting. Return who left the zones that are gone.

        ``index``: the last frame.
        """
        lines = {counter.line: counter for counter in self._lines}
        zones = {monitor.zone: monitor for monitor in self._zones}
        gone = [monitor for monitor in self._zones if monitor.zone not in shapes.zones]
        events = [event for track in self.tracker.tracks for event in self._out_of(gone, track, index)]
        self._lines = [lines.get(line) or LineCounter(line) for line in shapes.lines]
        self._zones = [zones.get(zone) or ZoneMonitor(zone) for zone in shapes.zones]
        self.shapes = shapes
        if not self.is_active:
            self.tracker.end()
        return tuple(events)

    @property
    def is_active(self) -> bool:
        """Whether anything is tracked."""
        return self._always or not self.shapes.is_empty

    def update(self, frame: Frame, prediction: Prediction) -> tuple[Prediction, tuple[TrackEvent, ...]]:
        """Return a prediction with tracks, counts and zones, and what happened."""
        if not self.is_active:
            return prediction, ()
        at, size = time_of(frame), (frame.width, frame.height)
        self._timed = at is not None
        found: tuple[Detection | Point, ...] = (*prediction.objects, *prediction.points)
        chosen = [one for one in found if not self._labels or one.name in self._labels]
        tracked = self.tracker.update([_with_box(one) for one in chosen], size, at)
        events = list(self._left(tracked.ended, frame.index))
        for track in tracked.tracks:
            if track is not None and track.id is not None:
                if self._crops is not None:
                    self._crops.see(frame, track)
                events += self._moved(track, size, frame.index)
        owners = {id(one): track for one, track in zip(chosen, tracked.tracks, strict=True)}
        shown = replace(
            prediction,
            objects=tuple(self._with_track(one, owners.get(id(one))) for one in prediction.objects),
            points=tuple(self._with_track(one, owners.get(id(one))) for one in prediction.points),
            counts=self.counts,
            zones=tuple(zone.occupancy for zone in self._zones),
        )
        return shown, tuple(events)

    @property
    def counts(self) -> tuple[LineCount, ...]:
        """What crossed each line so far."""
        return tuple(line.count for line in self._lines)

    def crop(self, track: int) -> Frame | None:
        """Return the best image of a track so far; None if there is none."""
        return None if self._crops is None else self._crops.of(track)

    def still(self, frame: Frame) -> None:
        """Note a frame without motion: everything is where it was."""
        self.tracker.pause(time_of(frame))

    def end(self, index: int) -> tuple[TrackEvent, ...]:
        """Give up all tracks, at the end or when the camera is lost; ``index``: the last frame."""
        return tuple(self._left(self.tracker.end(), index))

    def _moved(self, track: Track, size: tuple[int, int], index: int) -> Iterator[TrackEvent]:
        """Yield what a settled track did; in the frame in which it settles, also what it did before."""
        assert track.id is not None
        for box in track.trail:
            for line in self._lines:
                if (direction := line.see(track.id, box, size)) is not None:
                    yield self._event("crossed", line.line.name, track, index, direction=direction)
            for zone in self._zones:
                if (change := zone.see(track.id, box, size, track.last_at)) is not None:
                    kind: Kind = "zone_entered" if change.entered else "zone_left"
                    yield self._event(kind, zone.zone.name, track, index, duration_s=change.duration_s)

    def _left(self, ended: Sequence[Track], index: int) -> Iterator[TrackEvent]:
        for track in ended:
            assert track.id is not None
            for line in self._lines:
                line.forget(track.id)
            yield from self._out_of(self._zones, track, index)
            if self._crops is not None:
                self._crops.forget(track.id)

    def _out_of(self, zones: Sequence[ZoneMonitor], track: Track, index: int) -> Iterator[TrackEvent]:
        """Yield that a track is not in some zones any more."""
        assert track.id is not None
        for zone in zones:
            if (change := zone.forget(track.id, track.last_at)) is not None:
                yield self._event("zone_left", zone.zone.name, track, index, duration_s=change.duration_s)

    def _event(
        self,
        kind: Kind,
        place: str,
        track: Track,
        index: int,
        direction: Direction | None = None,
        duration_s: float | None = None,
    ) -> TrackEvent:
        assert track.id is not None
        at, lasted = (track.last_at, duration_s) if self._timed else (None, None)
        return TrackEvent(kind, place, track.id, track.label, index, at, direction, self.crop(track.id), lasted)

    def _with_track(self, found: Found, track: Track | None) -> Found:
        if track is None or track.id is None:
            return found
        return replace(found, track=track.id, age_s=round(track.age_s, 3) if self._timed else None)


def _with_box(found: Detection | Point) -> Detection:
    """Return what the tracker follows: a point is a box without a size."""
    if isinstance(found, Detection):
        return found
    return Detection(found.index, found.name, found.score, (found.x, found.y, found.x, found.y))
