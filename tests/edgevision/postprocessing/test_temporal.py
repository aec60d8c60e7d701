"""Temporal smoothing: averaged scores, hysteresis, and events with durations, for frames with and without time."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgevision.errors import BadInput
from edgevision.postprocessing.temporal import Change, Decision, Decisions, Policy, evidence, policy_for, time_of
from edgevision.types import Detection, Frame, Label, Prediction, Region

NAMES = ("cat", "dog", "owl")


def answer(*scores: float) -> Prediction:
    """Return a prediction with scores of cat, dog and owl."""
    return Prediction("multilabel", tuple(Label(n, NAMES[n], score) for n, score in enumerate(scores)))


def play(decisions: Decisions, answers: list[Prediction], fps: float = 10.0) -> list[Decision]:
    return [decisions.update(found, n, n / fps) for n, found in enumerate(answers)]


def told(decided: list[Decision]) -> list[tuple[int, str, str, float | None]]:
    """Return the events as (frame, kind, description, duration)."""
    return [(c.index, c.kind, c.describe(), c.duration_s) for decision in decided for c in decision.changes]


def test_exclusive_label_enters_changes_and_leaves() -> None:
    scores = [(0.2, 0.1), (0.9, 0.1), (0.8, 0.2), (0.1, 0.9), (0.1, 0.8), (0.1, 0.2)]
    decided = play(Decisions(Policy(exclusive=True)), [answer(*s) for s in scores])
    assert told(decided) == [
        (1, "entered", "cat", None),
        (3, "changed", "cat -> dog", 0.2),
        (5, "left", "dog", 0.2),
    ]
    assert [tuple(label.name for label in d.labels) for d in decided] == [
        (), ("cat",), ("cat",), ("dog",), ("dog",), (),
    ]  # fmt: skip
    change = decided[3].changes[0]
    assert (change.label.name, change.label.score, change.before, change.at) == ("dog", 0.9, Label(0, "cat", 0.1), 0.3)


def test_independent_labels_enter_and_leave() -> None:
    scores = [(0.9, 0.0), (0.9, 0.7), (0.0, 0.7), (0.0, 0.0)]
    decided = play(Decisions(Policy(exclusive=False)), [answer(*s) for s in scores])
    assert told(decided) == [
        (0, "entered", "cat", None),
        (1, "entered", "dog", None),
        (2, "left", "cat", 0.2),
        (3, "left", "dog", 0.2),
    ]
    assert [[label.name for label in d.present] for d in decided] == [["cat"], ["cat", "dog"], ["dog"], []]


@pytest.mark.parametrize("exclusive", [True, False])
def test_score_wavering_around_threshold_makes_one_event(exclusive: bool) -> None:
    answers = [answer(0.52 if n % 2 else 0.44) for n in range(50)]
    assert told(play(Decisions(Policy(exclusive, threshold=0.5, hysteresis=0.1)), answers)) == [
        (1, "entered", "cat", None)
    ]
    assert len(told(play(Decisions(Policy(exclusive, threshold=0.5, hysteresis=0.0)), answers))) == 49


def test_labels_alternating_by_a_small_margin_make_no_changes() -> None:
    answers = [answer(0.6, 0.55) if n % 2 else answer(0.55, 0.6) for n in range(20)]
    assert told(play(Decisions(Policy(exclusive=True)), answers)) == [(0, "entered", "dog", None)]


def test_single_wrong_frame_is_averaged_out() -> None:
    answers = [answer(0.95, 0.0)] * 10 + [answer(0.0, 0.95)] + [answer(0.95, 0.0)] * 10
    decided = play(Decisions(Policy(exclusive=True, smooth=5)), answers)
    # No label enters before five frames were seen.
    assert told(decided) == [(4, "entered", "cat", None)]
    assert all(d.labels[0].name == "cat" for d in decided)
    assert decided[10].labels[0].score == pytest.approx(0.95 * 4 / 5)
    assert [d.present for d in decided[:4]] == [()] * 4


def test_end_makes_labels_leave_and_forgets_scores() -> None:
    decisions = Decisions(Policy(exclusive=False, smooth=2))
    play(decisions, [answer(0.9, 0.8)] * 3)
    ended = decisions.end(2, 5.0)
    assert [(c.kind, c.label.name, c.duration_s) for c in ended] == [("left", "cat", 4.9), ("left", "dog", 4.9)]
    assert decisions.end(2, 5.0) == ()
    assert decisions.update(answer(0.9), 3, 6.0).changes == ()
    assert [c.kind for c in decisions.update(answer(0.9), 4, 6.1).changes] == ["entered"]


def test_image_files_have_no_time_and_no_durations() -> None:
    decisions = Decisions(Policy(exclusive=False))
    changes = [decisions.update(answer(score), n, None).changes for n, score in enumerate((0.9, 0.0))]
    assert [(c.kind, c.at, c.duration_s) for (c,) in changes] == [("entered", None, None), ("left", None, None)]


def test_backward_clock_gives_no_negative_duration() -> None:
    decisions = Decisions(Policy(exclusive=False))
    decisions.update(answer(0.9), 0, 100.0)
    assert decisions.update(answer(0.0), 1, 50.0).changes[0].duration_s == 0.0


def test_evidence_of_each_task() -> None:
    box = (0.0, 0.0, 1.0, 1.0)
    objects = (Detection(1, "cat", 0.9, box), Detection(2, "dog", 0.4, box), Detection(1, "cat", 0.6, box))
    assert evidence(Prediction("detection", objects=objects)) == {1: Label(1, "cat", 0.9), 2: Label(2, "dog", 0.4)}
    regions = (Region(0, "background", 0.8, 80), Region(3, "bird", 0.2, 20))
    assert evidence(Prediction("segmentation", regions=regions))[3] == Label(3, "bird", 0.2)
    # Two classes may have the same name.
    cranes = Prediction("classification", (Label(134, "crane", 0.6), Label(517, "crane", 0.3)))
    assert list(evidence(cranes)) == [134, 517]


def test_policy_of_each_task() -> None:
    assert policy_for("classification", smooth=3) == Policy(exclusive=True, smooth=3, threshold=0.5)
    assert policy_for("detection", threshold=0.3) == Policy(exclusive=False, threshold=0.3)
    small = policy_for("segmentation")
    assert (small.exclusive, small.threshold, small.release) == (False, 0.01, 0.005)


def test_zero_threshold_does_not_keep_labels_forever() -> None:
    decided = play(
        Decisions(policy_for("multilabel", threshold=0.0)), [answer(0.1), answer(0.0), Prediction("multilabel")]
    )
    assert told(decided) == [(0, "entered", "cat", None), (1, "left", "cat", 0.1)]


@pytest.mark.parametrize(
    ("wish", "said"),
    [
        ({"smooth": 0}, "must be at least 1, got 0"),
        ({"threshold": 1.5}, "threshold must be between 0 and 1, got 1.5"),
        ({"hysteresis": -0.1}, "hysteresis must be between 0 and 1, got -0.1"),
        ({"threshold": float("nan")}, "threshold must be"),
    ],
)
def test_invalid_policy_is_refused(wish: dict[str, float], said: str) -> None:
    with pytest.raises(BadInput, match=said):
        Policy(exclusive=True, **wish)  # type: ignore[arg-type]


def test_time_of_frame() -> None:
    pixels = np.zeros((2, 2, 3), np.uint8)
    assert time_of(Frame(pixels, captured_at=5.0, position_s=1.0)) == 5.0
    assert time_of(Frame(pixels, position_s=1.0)) == 1.0
    assert time_of(Frame(pixels)) is None


SCORES = st.lists(st.tuples(*[st.floats(0, 1)] * 3), max_size=30)
POLICIES = st.builds(
    Policy,
    exclusive=st.booleans(),
    smooth=st.integers(1, 6),
    threshold=st.floats(0, 1),
    hysteresis=st.floats(0, 1),
)


@given(POLICIES, SCORES)
def test_events_are_consistent_with_present_labels(policy: Policy, scores: list[tuple[float, ...]]) -> None:
    decisions, there = Decisions(policy), set()
    decided = play(decisions, [answer(*s) for s in scores])
    for n, decision in enumerate(decided):
        for change in decision.changes:
            _follow(there, change)
        assert there == {label.index for label in decision.present}
        assert len(there) <= 1 or not policy.exclusive
        assert n + 1 >= policy.smooth or not decision.changes
        window = np.array(scores[max(0, n + 1 - policy.smooth) : n + 1])
        for label in decision.labels + decision.present:
            assert label.score == pytest.approx(float(window[:, label.index].mean()), abs=2e-6)
        assert [d.score for d in decision.labels] == sorted((d.score for d in decision.labels), reverse=True)
        assert all(label.score >= policy.threshold for label in decision.labels)
        assert all(label.score >= policy.release for label in decision.present)
    for change in decisions.end(len(scores), len(scores) / 10):
        _follow(there, change)
    assert not there


def _follow(there: set[int], change: Change) -> None:
    """Apply an event to the set of present labels, and check that it is possible."""
    if change.kind == "left":
        assert change.duration_s is not None
        there.remove(change.label.index)
        return
    if change.before is not None:
        assert change.kind == "changed"
        there.remove(change.before.index)
    assert change.label.index not in there
    there.add(change.label.index)


@given(SCORES, st.floats(0.01, 1))
def test_presence_without_smoothing_and_hysteresis_follows_threshold(
    scores: list[tuple[float, ...]], threshold: float
) -> None:
    # Mean scores are rounded to six digits; a score that only rounding lifts over the threshold is not tested here.
    scores = [tuple(round(s, 3) for s in row) for row in scores]
    policy = Policy(exclusive=False, threshold=round(threshold, 3), hysteresis=0.0)
    for row, decision in zip(scores, play(Decisions(policy), [answer(*s) for s in scores]), strict=True):
        assert {label.index for label in decision.present} == {n for n, s in enumerate(row) if s >= policy.threshold}


@given(POLICIES, st.tuples(*[st.floats(0, 1)] * 3), st.integers(1, 20))
def test_still_scene_makes_no_second_event(policy: Policy, scores: tuple[float, ...], frames: int) -> None:
    decided = play(Decisions(policy), [answer(*scores)] * frames)
    assert sum(1 for d in decided if d.changes) <= 1
    assert all(c.kind == "entered" for d in decided for c in d.changes)


@given(st.integers(1, 6), st.lists(st.booleans(), min_size=1, max_size=40))
def test_durations_add_up(smooth: int, seen: list[bool]) -> None:
    decisions = Decisions(Policy(exclusive=False, smooth=smooth))
    decided = play(decisions, [answer(1.0 if s else 0.0) for s in seen])
    changes = [c for d in decided for c in d.changes] + list(decisions.end(len(seen), len(seen) / 10))
    for before, after in pairwise(changes):
        assert {before.kind, after.kind} == {"entered", "left"}
        if after.kind == "left":
            assert before.at is not None
            assert after.at is not None
            assert after.duration_s == pytest.approx(after.at - before.at, abs=1e-3)
