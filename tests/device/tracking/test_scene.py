"""Lines and zones: what counts as crossing, entering and leaving, and for how long."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

import numpy as np
import pytest
from edgevision.device.tracking.scene import TrackedScene, TrackEvent
from edgevision.device.tracking.shapes import parse_line, parse_zone

from edgevision.types import Detection, Frame, Point, Prediction

PIXELS = np.zeros((360, 640, 3), np.uint8)
STEP_S = 0.2
DOWN = "0.5,0,0.5,1,door"
"""A line from the top to the bottom, whose right side is the left of the image."""
LEFT_HALF = "0,0,0.5,0,0.5,1,0,1,yard"


def foot_at(x: float, y: float = 250, name: str = "cat") -> Detection:
    """Return a detection that stands at x, y."""
    return Detection(0, name, 0.9, (x - 20, y - 80, x + 20, y))


def play(
    scene: TrackedScene, frames: Iterable[list[Detection]], timed: bool = True
) -> tuple[list[TrackEvent], Prediction]:
    """Return all events, and the last prediction."""
    events: list[TrackEvent] = []
    for index, objects in enumerate(frames):
        frame = Frame(PIXELS, "RGB", index, None, "film.avi", index * STEP_S if timed else None)
        prediction, more = scene.update(frame, Prediction("detection", objects=tuple(objects)))
        events += more
    return events, prediction


def walk(*xs: float, y: float = 250) -> list[list[Detection]]:
    """Return frames in which one thing goes from place to place in steps of 15 pixels."""
    frames = []
    for start, end in pairwise(xs):
        count = max(1, round(abs(end - start) / 15))
        frames += [[foot_at(start + (end - start) * n / count, y)] for n in range(count)]
    return [*frames, [foot_at(xs[-1], y)]]


@pytest.mark.parametrize(
    ("line", "xs", "forward", "backward"),
    [
        (DOWN, (100, 500), 0, 1),  # seen from the top down, the right of the image is on the left
        ("0.5,1,0.5,0,door", (100, 500), 1, 0),
        (DOWN, (500, 100), 1, 0),
        (DOWN, (500, 100, 500, 100), 2, 1),
        (DOWN, (100, 310, 100), 0, 0),  # does not reach it
        (DOWN, (100, 322, 317, 323, 318, 100), 0, 0),  # stands on it
        ("0.5,0,0.5,0.5,door", (100, 500), 0, 0),  # passes below its end
    ],
)
def test_crossings_are_counted_by_direction(line: str, xs: tuple[float, ...], forward: int, backward: int) -> None:
    events, last = play(TrackedScene(0.5, [parse_line(line)]), walk(*xs))
    assert (last.counts[0].forward, last.counts[0].backward) == (forward, backward)
    assert [event.direction for event in events].count("forward") == forward
    assert len(events) == forward + backward


def test_crossing_says_what_crossed_where_and_when() -> None:
    (event,), _ = play(TrackedScene(0.5, [parse_line(DOWN)]), walk(500, 100))
    assert (event.kind, event.place, event.track, event.label.name) == ("crossed", "door", 1, "cat")
    assert event.at == pytest.approx(event.index * STEP_S)


def test_crossing_before_a_track_settles_counts_when_it_settles() -> None:
    events, _ = play(TrackedScene(0.5, [parse_line(DOWN)]), [[foot_at(x)] for x in (250, 330, 410)])
    assert [(event.kind, event.index) for event in events] == [("crossed", 2)]


def test_crossing_while_hidden_counts_when_the_object_is_seen_again() -> None:
    frames = walk(100, 500)
    hidden = [frame if not 250 < frame[0].box[0] < 390 else [] for frame in frames]
    events, _ = play(TrackedScene(0.5, [parse_line(DOWN)]), hidden)
    assert [event.direction for event in events] == ["backward"]


def test_zone_reports_entering_leaving_and_the_time_between() -> None:
    scene = TrackedScene(0.5, zones=[parse_zone(LEFT_HALF)])
    events, last = play(scene, walk(500, 100, 500))
    assert [(event.kind, event.place, event.track) for event in events] == [
        ("zone_entered", "yard", 1),
        ("zone_left", "yard", 1),
    ]
    inside = (events[1].at or 0) - (events[0].at or 0)
    assert events[0].duration_s is None
    assert events[1].duration_s == pytest.approx(inside)
    assert last.zones[0].count == 0


def test_zone_shows_who_is_inside_also_while_hidden() -> None:
    scene = TrackedScene(0.5, zones=[parse_zone(LEFT_HALF)])
    play(scene, [[foot_at(100), foot_at(500), foot_at(200)]] * 4)
    shown, _ = scene.update(Frame(PIXELS, "RGB", 4, None, "", 0.8), Prediction("detection"))
    assert shown.zones[0].tracks == (1, 3)


def test_end_makes_everything_leave_its_zone() -> None:
    scene = TrackedScene(0.5, zones=[parse_zone(LEFT_HALF)])
    play(scene, [[foot_at(100)]] * 6)
    (event,) = scene.end(5)
    assert (event.kind, event.duration_s) == ("zone_left", pytest.approx(3 * STEP_S))


def test_points_are_tracked_and_counted() -> None:
    scene = TrackedScene(0.5, [parse_line(DOWN)], [parse_zone(LEFT_HALF)])
    events: list[TrackEvent] = []
    for index, x in enumerate(range(500, 100, -20)):
        frame = Frame(PIXELS, "RGB", index, None, "film.avi", index * STEP_S)
        last, more = scene.update(
            frame, Prediction("points", points=(Point(0, "bee", 0.9, x, 200), Point(0, "bee", 0.9, 600, 50)))
        )
        events += more
    assert [(found.track, found.title) for found in last.points] == [(1, "bee #1"), (2, "bee #2")]
    assert (last.counts[0].forward, last.zones[0].tracks) == (1, (1,))
    assert [event.kind for event in events] == ["crossed", "zone_entered"]


def test_only_chosen_labels_are_tracked() -> None:
    scene = TrackedScene(0.5, zones=[parse_zone(LEFT_HALF)], labels=["cat"])
    _, last = play(scene, [[foot_at(100, name="dog"), foot_at(200, name="cat")]] * 4)
    assert [found.track for found in last.objects] == [None, 1]
    assert last.zones[0].tracks == (1,)


def test_images_without_time_have_no_durations() -> None:
    scene = TrackedScene(0.5, zones=[parse_zone(LEFT_HALF)])
    events, last = play(scene, walk(100, 500), timed=False)
    assert [(event.at, event.duration_s) for event in events] == [(None, None)] * 2
    assert (last.objects[0].track, last.objects[0].age_s) == (1, None)
