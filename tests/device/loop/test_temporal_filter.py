"""Averages, thresholds and events in the loop: what is requested of the model, shown and reported."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from edgevision.device.loop.loop import run
from edgevision.device.loop.temporal_filter import CANDIDATES, TemporalFilter
from edgevision.device.stream.events import Event, SourceEvent
from edgevision.device.stream.protocols import Predictor, Sink, Source
from edgevision.device.system.clock import Clock

from edgevision.errors import CameraLost
from edgevision.postprocessing.temporal import Change
from edgevision.types import Detection, Frame, Label, Prediction, Region

PIXELS = np.zeros((48, 64, 3), np.uint8)
NAMES = ("cat", "dog", "owl")


def frame(index: int, live: bool = True) -> Frame:
    at = index / 10
    return Frame(PIXELS, "BGR", index, at if live else None, "x", None if live else at)


def scores(*values: float) -> Prediction:
    """Return a classification, best label first."""
    labels = sorted((Label(n, NAMES[n], value) for n, value in enumerate(values)), key=lambda label: -label.score)
    return Prediction("classification", tuple(labels))


def update(decider: TemporalFilter, frame: Frame, prediction: Prediction) -> tuple[Prediction, tuple[Change, ...]]:
    """Return what is shown, and what came or went."""
    return decider.show(frame, prediction), decider.changes(frame, prediction)


def shown(decider: TemporalFilter, *answers: Prediction) -> list[list[tuple[str, float]]]:
    """Return the labels shown for each prediction."""
    return [
        [(label.name, label.score) for label in update(decider, frame(n), answer)[0].labels]
        for n, answer in enumerate(answers)
    ]


# --- what is requested


def test_without_a_threshold_all_labels_are_requested_and_shown() -> None:
    decider = TemporalFilter("classification")
    assert (decider.ask_top, decider.ask_threshold) == (5, None)
    assert shown(decider, scores(0.4, 0.3, 0.01)) == [[("cat", 0.4), ("dog", 0.3), ("owl", 0.01)]]


def test_hysteresis_requests_scores_below_the_threshold() -> None:
    decider = TemporalFilter("classification", threshold=0.5)
    assert decider.ask_threshold == pytest.approx(0.4)
    changes = [update(decider, frame(n), scores(s, 0.1))[1] for n, s in enumerate((0.6, 0.45, 0.55, 0.3))]
    assert [[(c.kind, c.label.name) for c in of_frame] for of_frame in changes] == [
        [("entered", "cat")], [], [], [("left", "cat")],
    ]  # fmt: skip


def test_scores_requested_for_hysteresis_are_not_shown() -> None:
    decider = TemporalFilter("classification", threshold=0.5)
    assert shown(decider, scores(0.6, 0.1), scores(0.45, 0.42)) == [[("cat", 0.6)], []]


def test_model_threshold_applies_without_a_user_threshold() -> None:
    assert shown(TemporalFilter("classification", own=0.5), scores(0.6, 0.4)) == [[("cat", 0.6)]]
    assert shown(TemporalFilter("classification", own=0.5, threshold=0.3), scores(0.6, 0.4)) == [
        [("cat", 0.6), ("dog", 0.4)]
    ]


def test_averages_request_all_scores() -> None:
    decider = TemporalFilter("classification", smooth=3, threshold=0.5, top=2)
    assert (decider.ask_top, decider.ask_threshold) == (CANDIDATES, 0.0)
    assert TemporalFilter("classification", smooth=3, top=100).ask_top == 100


# --- what is shown


def test_shown_scores_are_averages() -> None:
    decider = TemporalFilter("classification", smooth=2, threshold=0.3, top=1)
    answers = (scores(0.9, 0.1), scores(0.1, 0.9), scores(0.1, 0.7), scores(0.1, 0.1))
    assert shown(decider, *answers) == [[("cat", 0.9)], [("cat", 0.5)], [("dog", 0.8)], [("dog", 0.4)]]


def test_objects_are_those_of_the_current_frame() -> None:
    """A box has no average; averages only affect events."""
    boxes = tuple(Detection(n, NAMES[n], score, (0, 0, 9, 9)) for n, score in enumerate((0.8, 0.45, 0.1)))
    decider = TemporalFilter("detection", smooth=2)
    assert decider.ask_threshold == 0.0
    first, changes = update(decider, frame(0), Prediction("detection", objects=boxes))
    assert [found.name for found in first.objects] == ["cat"]  # 0.5 by default
    assert changes == ()
    _, changes = update(decider, frame(1), Prediction("detection", objects=boxes))
    assert [(c.kind, c.label.name) for c in changes] == [("entered", "cat")]


def test_segmentation_background_causes_no_events() -> None:
    regions = (Region(0, "background", 0.8, 800), Region(1, "cat", 0.2, 200))
    decider = TemporalFilter("segmentation", threshold=0.7)
    assert decider.ask_threshold == 0.7  # the model applies it to the mask
    prediction, changes = update(decider, frame(0), Prediction("segmentation", regions=regions))
    assert prediction.regions == regions
    assert [(c.kind, c.label.name) for c in changes] == [("entered", "cat")]


# --- in the loop


class Scripted(Source):
    """A source of frames at ten a second of the test's clock, with events; may be lost at the end."""

    spec = "scripted"

    def __init__(self, items: list[Frame | SourceEvent], live: bool = True, lost: bool = False) -> None:
        self.items, self.live, self.lost = items, live, lost

    def __iter__(self) -> Iterator[Frame | SourceEvent]:
        yield from self.items
        if self.lost:
            raise CameraLost("unplugged")


class Answers(Predictor):
    """A model that returns given predictions in turn."""

    def __init__(self, *answers: Prediction) -> None:
        self.answers = iter(answers)
        self.asked: list[tuple[int, float | None]] = []

    def predict(self, image: Frame, top: int = 5, threshold: float | None = None) -> Prediction:
        self.asked.append((top, threshold))
        return next(self.answers)


class Notes(Sink):
    """A sink that records the order of frames and events."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.events: list[Event] = []

    def write(self, frame: Frame, prediction: Prediction) -> None:
        self.lines.append(f"frame {frame.index}")

    def event(self, event: Event) -> None:
        self.lines.append(event.kind)
        self.events.append(event)


CLOCK = Clock(monotonic=lambda: 5.0, wall=lambda: 1000.0)


def test_events_follow_their_frame_and_have_durations() -> None:
    notes = Notes()
    model = Answers(scores(0.9, 0.1), scores(0.2, 0.8), scores(0.1, 0.1))
    source = Scripted([frame(n) for n in range(3)])
    run(source, model, [notes], clock=CLOCK, decider=TemporalFilter("classification"))
    assert notes.lines == ["frame 0", "entered", "frame 1", "changed", "frame 2", "left"]
    entered, changed, left = notes.events
    assert (entered.index, entered.detail, entered.duration_s, entered.before) == (0, "cat 0.90", None, None)
    assert (changed.index, changed.detail, changed.duration_s) == (1, "cat -> dog 0.80 after 0.1 s", 0.1)
    assert (changed.label, changed.before) == (Label(1, "dog", 0.8), Label(0, "cat", 0.2))
    assert (left.detail, left.duration_s) == ("dog after 0.1 s", 0.1)
    # Captured 4.9 s before the clock's time, which is 1000 s after 1970.
    assert changed.time == "1970-01-01T00:16:35.100Z"
    assert changed.position_s is None


def test_events_of_a_video_have_its_position() -> None:
    notes = Notes()
    source = Scripted([frame(n, live=False) for n in range(2)], live=False)
    run(source, Answers(scores(0.9), scores(0.1)), [notes], clock=CLOCK, decider=TemporalFilter("classification"))
    assert [(e.kind, e.position_s, e.duration_s) for e in notes.events] == [("entered", 0.0, None), ("left", 0.1, 0.1)]
    assert notes.events[0].time == "1970-01-01T00:16:40.000Z"


@pytest.mark.parametrize("kind", ["camera_lost", "camera_frozen"])
def test_labels_leave_when_the_camera_is_lost(kind: str) -> None:
    notes = Notes()
    source = Scripted([frame(0), frame(3), SourceEvent(kind, "x"), SourceEvent("camera_back", "x"), frame(9)])
    model = Answers(*[scores(0.9)] * 3)
    run(source, model, [notes], clock=CLOCK, decider=TemporalFilter("classification"))
    assert notes.lines == [
        "frame 0", "entered", "frame 3", kind, "left", "camera_back", "frame 9", "entered", "left",
    ]  # fmt: skip
    durations = [event.duration_s for event in notes.events if event.kind == "left"]
    assert durations == [0.3, 0.0]


def test_labels_leave_at_the_end_and_when_the_camera_is_gone() -> None:
    notes = Notes()
    summary = run(
        Scripted([frame(0), frame(2)], lost=True),
        Answers(*[scores(0.9)] * 2),
        [notes],
        clock=CLOCK,
        decider=TemporalFilter("classification"),
    )
    assert (summary.stopped_by, notes.lines[-2:]) == ("error", ["camera_lost", "left"])


def test_model_gets_the_top_and_threshold_of_the_decider() -> None:
    model = Answers(scores(0.9))
    run(Scripted([frame(0)]), model, [], top=1, decider=TemporalFilter("classification", smooth=2, top=3))
    assert model.asked == [(CANDIDATES, 0.0)]


def test_change_events_can_be_disabled() -> None:
    notes = Notes()
    run(
        Scripted([frame(0)]),
        Answers(scores(0.9)),
        [notes],
        decider=TemporalFilter("classification"),
        tell_changes=False,
    )
    assert notes.lines == ["frame 0"]
