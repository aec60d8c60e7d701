"""Tracking and counting on films drawn with known truth, through the loop."""

from __future__ import annotations

import pytest
from drawn_films import DrawnDetector, Film, FilmSource, hard_films, simple_films
from edgevision.device.loop.loop import run
from edgevision.device.loop.temporal_filter import TemporalFilter
from edgevision.device.stream.events import Event
from edgevision.device.stream.protocols import Sink
from edgevision.device.tracking.scene import TrackedScene
from edgevision.device.tracking.shapes import CountLine
from edgevision.device.tracking.tracker import WEAKEST

from edgevision.types import Frame, LineCount, Prediction


class Counts(Sink):
    """Keeps the last counts and all events."""

    def __init__(self) -> None:
        self.last: tuple[LineCount, ...] = ()
        self.events: list[Event] = []

    def write(self, frame: Frame, prediction: Prediction) -> None:
        """Keep the counts."""
        self.last = prediction.counts

    def event(self, event: Event) -> None:
        """Keep the event."""
        self.events.append(event)


def counted(film: Film) -> tuple[int, int]:
    """Return what the loop counted forward and backward, by its frames and by its events, which have to be equal."""
    sink = Counts()
    decider = TemporalFilter("detection", floor=WEAKEST)
    scene = TrackedScene(decider.shown_threshold, [CountLine(film.line[:2], film.line[2:], "line")])
    run(FilmSource(film), DrawnDetector(film), [sink], decider=decider, scene=scene)
    crossed = [event.direction for event in sink.events if event.kind == "crossed"]
    (count,) = sink.last
    assert (crossed.count("forward"), crossed.count("backward")) == (count.forward, count.backward)
    return count.forward, count.backward


@pytest.mark.parametrize("film", simple_films(), ids=lambda film: film.name)
def test_simple_films_are_counted_exactly(film: Film) -> None:
    assert counted(film) == film.crossings()


@pytest.mark.slow
def test_hard_films_are_counted_with_at_most_five_percent_error() -> None:
    films = hard_films()
    pairs = [(counted(film), film.crossings()) for film in films]
    wrong = sum(abs(a - b) for found, true in pairs for a, b in zip(found, true, strict=True))
    assert wrong <= 0.05 * sum(sum(true) for _, true in pairs), dict(
        zip((film.name for film in films), pairs, strict=True)
    )
