"""``--on-motion``: moving frames are processed, still ones counted, noise ignored, and events kept."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from edgevision.device.loop.fakes import FakeCamera
from edgevision.device.loop.loop import run
from edgevision.device.loop.motion_gate import COLUMNS, LEVEL, LOOK_AGAIN_S, ROWS, MotionGate, grey_cells
from edgevision.device.loop.temporal_filter import TemporalFilter
from edgevision.device.stream.protocols import Predictor, Sink, Source
from edgevision.device.system.clock import Clock
from edgevision.device.telemetry.run_stats import RunStats
from hypothesis import given
from hypothesis import strategies as st

from edgevision.errors import EngineError
from edgevision.types import Frame, Label, Prediction


def scene(seed: int = 0, size: tuple[int, int] = (640, 480), noise: float = 0.0) -> np.ndarray:
    """Return a smooth image with sensor noise (standard deviation in gray levels)."""
    width, height = size
    y, x = np.mgrid[0:height, 0:width]
    smooth = 90 + 60 * np.sin(x / 60) + 40 * np.cos(y / 45)
    grain = np.random.default_rng(seed).normal(0, noise, (height, width)) if noise else 0
    return np.repeat(np.clip(smooth + grain, 0, 255).astype(np.uint8)[..., np.newaxis], 3, axis=2)


def film(pixels: np.ndarray, at_s: float, index: int = 0) -> Frame:
    return Frame(pixels, "BGR", index, None, "film.avi", at_s)


def test_first_frame_and_one_of_another_size_pass() -> None:
    gate = MotionGate()
    assert gate.moved(film(scene(), 0.0))
    assert not gate.moved(film(scene(), 0.1))
    assert gate.moved(film(scene(size=(20, 10)), 0.2))
    assert not gate.moved(film(scene(size=(20, 10)), 0.3))


@pytest.mark.parametrize("noise", [2.0, 8.0, 15.0])
def test_sensor_noise_is_not_motion(noise: float) -> None:
    gate = MotionGate()
    moved = [gate.moved(film(scene(seed, noise=noise), seed / 100)) for seed in range(20)]
    assert moved == [True] + [False] * 19


@pytest.mark.parametrize("size", [(640, 480), (1280, 720), (320, 240), (64, 48)])
def test_new_object_is_motion(size: tuple[int, int]) -> None:
    gate = MotionGate()
    gate.moved(film(scene(1, size, 5.0), 0.0))
    pixels = scene(2, size, 5.0)
    width, height = size
    pixels[height // 3 : height // 3 + height // 8, width // 2 : width // 2 + width // 8] = 250
    assert gate.moved(film(pixels, 0.1))


def test_slow_movement_adds_up() -> None:
    """Each step is below the limit, but frames are compared with the last one that the model saw."""
    gate = MotionGate(look_again_s=1e9)
    plain = np.full((480, 640, 3), 100, np.uint8)
    moved = [gate.moved(film(plain + step, step)) for step in range(30)]
    assert [n for n, looked in enumerate(moved) if looked] == [0, 9, 18, 27]
    assert LEVEL == 8.0


def test_cells_of_tiny_and_gray_images() -> None:
    assert grey_cells(Frame(np.zeros((3, 2), np.uint8), "GRAY")).shape == (3, 2)
    gray, colour = scene()[..., 1], scene()
    assert np.array_equal(grey_cells(Frame(gray, "GRAY")), grey_cells(Frame(colour, "RGB")))


@given(st.integers(1, 400), st.integers(1, 400), st.integers(0, 255))
def test_cells_are_means(height: int, width: int, level: int) -> None:
    cells = grey_cells(Frame(np.full((height, width), level, np.uint8), "GRAY"))
    assert cells.shape == (min(height, ROWS), min(width, COLUMNS))
    assert (cells == level).all()


def test_still_frames_pass_at_the_interval() -> None:
    now = [0.0]
    gate = MotionGate(4.0, Clock(monotonic=lambda: now[0]))
    looked = []
    for second in range(10):
        now[0] = float(second)
        looked.append(gate.moved(replace(film(scene(), 0.0), captured_at=now[0], position_s=None)))
    assert [n for n, one in enumerate(looked) if one] == [0, 4, 8]


def test_video_interval_uses_its_own_time() -> None:
    gate = MotionGate(clock=Clock(monotonic=lambda: 0.0))
    times = (0.0, 5.0, LOOK_AGAIN_S, 12.0)
    assert [gate.moved(film(scene(), at)) for at in times] == [True, False, True, False]


# --- in the loop


class Still(Source):
    """A video of ``frames`` equal frames at ten a second."""

    spec, live = "film.avi", False

    def __init__(self, frames: int) -> None:
        self._frames = frames

    def __iter__(self):  # type: ignore[no-untyped-def]
        for index in range(self._frames):
            yield film(scene(), index / 10, index)


class Cat(Predictor):
    """A model that sees a cat, after failing ``fails`` times."""

    def __init__(self, fails: int = 0) -> None:
        self.calls, self.fails = 0, fails

    def predict(self, image: Frame, top: int = 5, threshold: float | None = None) -> Prediction:
        self.calls += 1
        if self.calls <= self.fails:
            raise EngineError("not now")
        return Prediction("classification", (Label(0, "cat", 0.9),), stages_ms={"infer": 1.0})


class Notes(Sink):
    """A sink that records frames and events."""

    def __init__(self) -> None:
        self.frames: list[int] = []
        self.events: list[tuple[str, int | None, float | None]] = []

    def write(self, frame: Frame, prediction: Prediction) -> None:
        self.frames.append(frame.index)

    def event(self, event) -> None:  # type: ignore[no-untyped-def]
        self.events.append((event.kind, event.index, event.duration_s))


def test_still_frames_are_counted_but_not_processed() -> None:
    model, notes = Cat(), Notes()
    summary = run(Still(30), model, [notes], gate=MotionGate())
    assert (model.calls, summary.frames, summary.still, notes.frames) == (1, 1, 29, [0])
    assert "29 without motion" in summary.describe()[0]
    assert summary.stages_ms["motion"]["p50"] is not None


def test_limit_counts_still_frames() -> None:
    summary = run(Still(30), Cat(), [], gate=MotionGate(), limit=7)
    assert (summary.frames, summary.still, summary.stopped_by) == (1, 6, "limit")


def test_still_frames_complete_an_average() -> None:
    """A prediction stands for the still frames that follow: a label enters though the model saw only one frame."""
    notes = Notes()
    run(Still(20), Cat(), [notes], gate=MotionGate(), decider=TemporalFilter("classification", smooth=5))
    assert notes.events == [("entered", 4, None), ("left", 19, 1.5)]


def test_frame_on_which_the_engine_failed_does_not_count_as_seen() -> None:
    model, notes = Cat(fails=3), Notes()
    summary = run(Still(10), model, [notes], gate=MotionGate())
    assert (summary.errors, notes.frames, summary.still) == (3, [3], 6)


def test_moving_pattern_may_have_still_frames() -> None:
    summary = run(FakeCamera("ok*20,lost"), Cat(), [], gate=MotionGate(), measures=RunStats())
    assert summary.frames + summary.still == 20
    assert summary.frames >= 2
