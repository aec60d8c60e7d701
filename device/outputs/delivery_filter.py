"""Selects what an output receives: by kind, label, score and interval."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edgevision.types import Label, Prediction

    from ..stream.events import Event
    from .delivery import Delivery

GONE = ("left", "zone_left")
CAME = ("entered", "changed")


class DeliveryFilter:
    """Applies one output's ``Delivery``. The caller passes the time, in seconds of the monotonic clock."""

    def __init__(self, delivery: Delivery, takes: str) -> None:
        """``takes``: what the output receives unless ``delivery.only`` says otherwise."""
        self._delivery = delivery
        only = delivery.only or takes
        self.frames = only in ("frames", "all")
        self.events = only in ("events", "all")
        self._names = frozenset(delivery.labels)
        self._last_frame: float | None = None
        self._last_event: dict[str, float] = {}
        self._present: set[str] = set()
        self._last_at_place: dict[tuple[str | None, str | None, str], float] = {}
        """Line or zone, direction and label -> when an event was delivered."""
        self._inside: set[tuple[str | None, int]] = set()
        """Zone and track of those that were reported to be inside."""

    def takes_frame(self, prediction: Prediction, now: float) -> bool:
        """Return whether a result is delivered."""
        if not self.frames or not self._shows_any(prediction) or not self._due(self._last_frame, now):
            return False
        self._last_frame = now
        return True

    def takes_event(self, event: Event, now: float) -> bool:
        """Return whether an event is delivered. What happens to the camera or to outputs always is.

        A label that left is reported if and only if the same label was reported before, and so is a track that left a zone.
        What the second model recognized passes by its label, or by that of the detector.
        """
        if not self.events:
            return False
        if event.label is None:
            return True
        if event.track is not None:
            return self._takes_track(event, event.track, event.label, now)
        if event.kind in GONE:
            return self._leave(event.label.name)
        before = event.before is not None and self._leave(event.before.name)
        if not self._passes(event.label):
            return before
        name = event.label.name
        if event.kind in CAME and not self._due(self._last_event.get(name), now):
            return before
        self._last_event[name] = now
        self._present.add(name)
        return True

    def _takes_track(self, event: Event, track: int, label: Label, now: float) -> bool:
        if event.kind in GONE:
            known = (event.zone, track) in self._inside
            self._inside.discard((event.zone, track))
            return known
        place = (event.line or event.zone, event.direction, label.name)
        if not self._passes(label, event.of) or not self._due(self._last_at_place.get(place), now):
            return False
        self._last_at_place[place] = now
        if event.zone is not None:
            self._inside.add((event.zone, track))
        return True

    def _leave(self, name: str) -> bool:
        known = name in self._present
        self._present.discard(name)
        return known

    def _shows_any(self, prediction: Prediction) -> bool:
        if not self._names and self._delivery.threshold is None:
            return True
        from edgevision.postprocessing.temporal import evidence

        return any(self._passes(label) for label in evidence(prediction).values())

    def _passes(self, label: Label, of: Label | None = None) -> bool:
        names = {label.name} if of is None else {label.name, of.name}
        if self._names and not names & self._names:
            return False
        return self._delivery.threshold is None or label.score >= self._delivery.threshold

    def _due(self, last: float | None, now: float) -> bool:
        return last is None or now - last >= self._delivery.min_interval_s
