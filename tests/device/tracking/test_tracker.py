"""The tracker: numbers that last through gaps, covers and confused classes, and are never used again."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from edgevision.device.tracking.track import LONGEST_TRAIL
from edgevision.device.tracking.tracker import HIDDEN_S, SETTLED_HITS, Tracker

from edgevision.types import Detection

SIZE = (640, 360)
STEP_S = 0.1


def thing(x: float, y: float = 200, score: float = 0.9, index: int = 0, size: float = 40) -> Detection:
    """Return a detection with its center at x, y."""
    box = (x - size / 2, y - size / 2, x + size / 2, y + size / 2)
    return Detection(index, f"class {index}", score, box)


def numbers(
    frames: Iterable[list[Detection]], tracker: Tracker | None = None, start: int = 0
) -> list[list[int | None]]:
    """Return the number of each detection in each frame."""
    tracker = tracker or Tracker(0.5)
    found = []
    for place, objects in enumerate(frames, start):
        tracks = tracker.update(objects, SIZE, place * STEP_S).tracks
        found.append([None if track is None else track.id for track in tracks])
    return found


def test_object_gets_a_number_after_a_few_detections_and_keeps_it() -> None:
    found = numbers([thing(100 + 10 * n)] for n in range(10))
    assert found == [[None]] * (SETTLED_HITS - 1) + [[1]] * (11 - SETTLED_HITS)


def test_weak_detections_continue_a_track_but_begin_none() -> None:
    scores = [0.9] * 4 + [0.2] * 5 + [0.9]
    assert numbers([thing(100 + 5 * n, score=score)] for n, score in enumerate(scores))[-6:] == [[1]] * 6
    assert numbers([thing(100 + 5 * n, score=0.4)] for n in range(10)) == [[None]] * 10


def test_uncertain_object_gets_a_number_once_it_is_clearly_above_the_threshold() -> None:
    tracker = Tracker(0.5)
    assert numbers([[thing(100, score=0.55)]] * 300, tracker=tracker) == [[None]] * 300
    (known,) = tracker.update([thing(100, score=0.61)], (640, 360), 30.0).tracks
    assert known is not None and known.id == 1
    assert 3 <= len(known.trail) <= LONGEST_TRAIL  # where it was before counts, but not endlessly


def test_threshold_near_one_still_lets_objects_get_numbers() -> None:
    assert Tracker(0.96).settling_score == pytest.approx(0.98)
    assert numbers([[thing(100, score=0.99)]] * 3, tracker=Tracker(0.96))[-1] == [1]


def test_number_lasts_through_a_gap_in_which_the_object_moves_on() -> None:
    frames = [[thing(100 + 8 * n)] if not 10 <= n < 20 else [] for n in range(30)]
    assert numbers(frames)[20:] == [[1]] * 10


def test_number_of_an_object_that_was_given_up_is_not_used_again() -> None:
    gap = round((HIDDEN_S + 1) / STEP_S)
    frames = [[thing(100)]] * 5 + [[]] * gap + [[thing(100)]] * 5
    assert numbers(frames)[-1] == [2]


def test_objects_that_pass_each_other_keep_their_numbers() -> None:
    frames = [[thing(100 + 10 * n, 195), thing(400 - 10 * n, 205)] for n in range(30)]
    found = numbers(frames)
    assert found[-1] == found[3]


def test_fast_and_small_object_is_followed_by_distance() -> None:
    frames = [[thing(20 + 60 * n, size=12)] for n in range(10)]  # five times its size per frame
    assert numbers(frames)[SETTLED_HITS - 1 :] == [[1]] * (11 - SETTLED_HITS)


def test_object_that_starts_to_walk_at_three_frames_a_second_keeps_its_number() -> None:
    tracker, found = Tracker(0.5), []
    for n in range(12):
        x = 100 + 40 * max(0, n - 5)  # its own width per frame, from standstill
        found.append(tracker.update([thing(x)], SIZE, n / 3).tracks[0])
    assert {track.id for track in found if track is not None} == {1}


def test_points_without_a_size_are_tracked() -> None:
    frames = [[thing(100 + 12 * n, 100, size=0), thing(300, 100 + 9 * n, size=0)] for n in range(12)]
    assert numbers(frames)[-1] == [1, 2]


def test_confused_class_keeps_the_number_and_the_usual_label() -> None:
    tracker = Tracker(0.5)
    found = numbers([[thing(100 + 4 * n, index=int(n in (5, 8)))] for n in range(10)], tracker)
    assert found[2:] == [[1]] * 8
    assert tracker.tracks[0].label.name == "class 0"


def test_object_reported_as_two_classes_is_one_track() -> None:
    frames = [[thing(100 + 4 * n, score=0.8), thing(101 + 4 * n, score=0.6, index=1)] for n in range(8)]
    assert numbers(frames)[-1] == [1, None]


def test_other_size_of_the_frame_ends_all_tracks() -> None:
    tracker = Tracker(0.5)
    numbers([[thing(100)]] * 5, tracker)
    ended = tracker.update([thing(100)], (320, 180), 0.5).ended
    assert [track.id for track in ended] == [1]
    assert [track.state for track in ended] == ["ended"]
    assert tracker.tracks == ()


def test_pause_keeps_what_stands_still() -> None:
    tracker = Tracker(0.5)
    numbers([[thing(100)]] * 5, tracker)
    for n in range(5, 100):
        tracker.pause(n * STEP_S)
    assert tracker.update([thing(100)], SIZE, 100 * STEP_S).tracks[0] is tracker.tracks[0]
    assert tracker.tracks[0].age_s == pytest.approx(10.0)


def test_images_without_time_are_tracked_by_their_order() -> None:
    tracker = Tracker(0.5)
    for n in range(5):
        tracks = tracker.update([thing(100 + 10 * n)], SIZE, None).tracks
    assert tracks[0] is not None
    assert tracks[0].id == 1


def test_time_that_runs_backward_ends_nothing() -> None:
    tracker = Tracker(0.5)
    numbers([[thing(100)]] * 5, tracker)
    assert tracker.update([thing(100)], SIZE, 0.0).tracks[0] is tracker.tracks[0]
