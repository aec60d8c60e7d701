"""The loop with the built-in fakes and a test clock: faults, statistics, and how it ends."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from edgevision.device.loop.fakes import FakeCamera, FakeEngine
from edgevision.device.loop.loop import MAX_ENGINE_ERRORS, run
from edgevision.device.loop.stop import Stop, ended_by_signals
from edgevision.device.sinks.background import Queued
from edgevision.device.stream.bounded_queue import BoundedQueue
from edgevision.device.stream.events import Event, OutputClosed, Unreadable
from edgevision.device.stream.protocols import Predictor, Sink
from edgevision.device.system import process_stats
from edgevision.device.system.clock import Clock, rfc3339
from edgevision.device.telemetry.run_stats import Percentiles, RunStats
from hypothesis import given
from hypothesis import strategies as st

from edgevision import open_model
from edgevision.errors import BadInput, CameraLost, EngineError
from edgevision.model import Model
from edgevision.model_file import model_file
from edgevision.model_file.card import ModelCard
from edgevision.preprocessing.spec import Preprocessing
from edgevision.types import Frame, Label, Prediction


class HandClock:
    """A clock that advances only while something sleeps."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.clock = Clock(lambda: self.now, lambda: 1_700_000_000.0 + self.now, self.sleep)

    def sleep(self, seconds: float) -> None:
        self.now += seconds


class StubModel(Predictor):
    """A model that answers at once, or takes ``infer_s`` of the test's clock."""

    def __init__(self, hand: HandClock | None = None, infer_s: float = 0.0) -> None:
        self.hand, self.infer_s, self.seen = hand, infer_s, 0

    def predict(self, image: Frame, top: int = 5, threshold: float | None = None) -> Prediction:
        self.seen += 1
        if self.hand is not None:
            self.hand.sleep(self.infer_s)
        label = Label(image.index, f"class {image.index}", 0.5)
        return Prediction(
            "classification", (label,)[:top], stages_ms={"prepare": 1.0, "infer": self.infer_s * 1e3, "decode": 0.5}
        )


class Notebook(Sink):
    """A sink that records everything, and fails on request."""

    spec = "notebook"

    def __init__(self, fail: Callable[[int], Exception | None] = lambda _: None) -> None:
        self.frames: list[tuple[Frame, Prediction]] = []
        self.errors: list[Unreadable] = []
        self.events: list[Event] = []
        self.closed = 0
        self._fail = fail

    def write(self, frame: Frame, prediction: Prediction) -> None:
        error = self._fail(frame.index)
        if error is not None:
            raise error
        self.frames.append((frame, prediction))

    def error(self, error: Unreadable) -> None:
        self.errors.append(error)

    def event(self, event: Event) -> None:
        self.events.append(event)

    def close(self) -> None:
        self.closed += 1


# --- a whole run


def test_time_to_close_the_outputs_is_not_part_of_the_rate() -> None:
    hand = HandClock()

    class Slow(Notebook):
        def close(self) -> None:
            hand.now += 5.0
            super().close()

    camera = FakeCamera("slow*4", clock=hand.clock)
    summary = run(camera, StubModel(hand, infer_s=0.25), [Slow()], clock=hand.clock, measures=RunStats(hand.clock))
    assert (summary.seconds, summary.rate_fps) == (pytest.approx(5.0), pytest.approx(0.8))


def test_every_frame_reaches_every_sink() -> None:
    camera, first, second = FakeCamera("ok*7", live=False), Notebook(), Notebook()
    summary = run(camera, StubModel(), [first, second])
    assert [frame.index for frame, _ in first.frames] == list(range(7))
    assert [p.labels for _, p in first.frames] == [p.labels for _, p in second.frames]
    assert (summary.frames, summary.errors, summary.dropped, summary.stopped_by) == (7, 0, 0, "end")
    assert summary.age_ms["p50"] is None  # files have no age
    assert camera.closed
    assert (first.closed, second.closed) == (1, 1)


def test_limit_counts_frames_and_errors() -> None:
    summary = run(FakeCamera("ok,unreadable,ok*9"), StubModel(), [], limit=4)
    assert (summary.frames, summary.errors, summary.stopped_by) == (3, 1, "limit")


def test_times_come_from_the_clock() -> None:
    hand = HandClock()
    notes = Notebook()
    camera = FakeCamera("slow*4", clock=hand.clock)  # each frame comes a second late
    summary = run(
        camera, StubModel(hand, infer_s=0.25), [notes], clock=hand.clock, measures=RunStats(hand.clock, hand.now - 2.0)
    )
    assert summary.seconds == pytest.approx(4 * 1.25)
    assert summary.rate_fps == pytest.approx(0.8)
    assert summary.first_prediction_ms == pytest.approx(3250.0)
    assert summary.age_ms["p50"] == pytest.approx(250.0, rel=0.01)
    assert summary.stages_ms["read"]["max"] == pytest.approx(1000.0)
    assert summary.stages_ms["infer"]["p99"] == pytest.approx(250.0, rel=0.01)
    assert summary.stages_ms["write"]["max"] == 0.0
    stages = [prediction.stages_ms for _, prediction in notes.frames]
    assert "write" not in stages[0]  # nothing was written before
    assert stages[1] == pytest.approx({"prepare": 1.0, "infer": 250.0, "decode": 0.5, "read": 1000.0, "write": 0.0})


# --- faults


def test_unreadable_frames_are_reported_in_place() -> None:
    notes = Notebook()
    summary = run(FakeCamera("ok,unreadable*3,ok"), StubModel(), [notes])
    assert [error.index for error in notes.errors] == [1, 2, 3]
    assert [frame.index for frame, _ in notes.frames] == [0, 4]
    assert (summary.frames, summary.errors, summary.stopped_by) == (2, 3, "end")


def test_many_unreadable_images_do_not_end_the_loop() -> None:
    summary = run(FakeCamera("unreadable*100,ok"), StubModel(), [])
    assert (summary.frames, summary.errors, summary.stopped_by) == (1, 100, "end")


def test_unusual_frames_cause_no_errors() -> None:
    summary = run(FakeCamera("ok,frozen*2,garbled,wrong_size,ok"), StubModel(), [])
    assert (summary.frames, summary.errors) == (6, 0)


def test_lost_camera_is_an_event_and_an_error() -> None:
    notes = Notebook()
    summary = run(FakeCamera("ok*2,lost"), StubModel(), [notes])
    assert summary.stopped_by == "error"
    assert "is lost" in str(summary.message)
    assert [(event.kind, event.index) for event in notes.events] == [("camera_lost", 1)]
    assert notes.closed == 1


def fake_model(data: Path, folder: Path, script: str) -> Model:
    """Return the tiny model with an engine that fails as scripted."""
    file = model_file.read(data / "tiny.tflite")
    path = folder / "tiny.tflite"
    spec = file.inputs[0]
    model_file.write(
        path,
        file.flatbuffer,
        ModelCard("tiny", "classification", Preprocessing(spec.shape[2], spec.shape[1]), ("r", "g", "b")),
    )
    return open_model(path, engine=FakeEngine(file.inputs, file.outputs, script))


def test_engine_errors_are_reported_and_the_loop_continues(data: Path, tmp_path: Path) -> None:
    notes = Notebook()
    with fake_model(data, tmp_path, "ok,error,ok") as model:
        summary = run(FakeCamera("ok*5"), model, [notes])
    assert (summary.frames, summary.errors, summary.stopped_by, summary.message) == (4, 1, "end", None)
    assert [error.index for error in notes.errors] == [1]
    assert "the fake engine failed at call 2" in notes.errors[0].message
    assert [p.top.name for _, p in notes.frames if p.top] == ["r", "b", "r", "g"]
    assert summary.model["name"] == "tiny"
    assert summary.engine["runtime"] == "fake"


def test_permanently_failing_engine_ends_the_loop(data: Path, tmp_path: Path) -> None:
    with fake_model(data, tmp_path, "ok,error") as model:
        summary = run(FakeCamera("ok*100"), model, [])
    assert (summary.frames, summary.errors, summary.stopped_by) == (1, MAX_ENGINE_ERRORS, "error")
    assert f"failed on {MAX_ENGINE_ERRORS} frames in a row" in str(summary.message)


def test_failing_engine_on_few_images_runs_to_the_end(data: Path, tmp_path: Path) -> None:
    with fake_model(data, tmp_path, "error") as model:
        summary = run(FakeCamera("ok*3", live=False), model, [])
    assert (summary.frames, summary.errors, summary.stopped_by) == (0, 3, "end")


def test_internal_bug_is_raised() -> None:
    class Broken(StubModel):
        def predict(self, image: Frame, top: int = 5, threshold: float | None = None) -> Prediction:
            raise KeyError("a bug")

    notes, camera = Notebook(), FakeCamera("ok")
    with pytest.raises(KeyError):
        run(camera, Broken(), [notes])
    assert camera.closed
    assert notes.closed == 1


# --- sinks


def test_failing_sink_is_counted_and_reported_once_without_affecting_others() -> None:
    bad = Notebook(lambda index: OSError(28, "No space left on device") if 2 <= index < 5 else None)
    good = Notebook()
    summary = run(FakeCamera("ok*8"), StubModel(), [bad, good])
    assert len(good.frames) == summary.frames == 8
    assert [frame.index for frame, _ in bad.frames] == [0, 1, 5, 6, 7]
    assert [(e.kind, e.index) for e in good.events] == [("output_down", 2), ("output_up", 5)]
    assert "No space left" in good.events[0].detail
    counts = summary.to_json()["sinks"]
    full = "[Errno 28] No space left on device"
    common = {"spec": "notebook", "dropped": 0, "waiting": 0, "down": False}
    assert counts[0].items() >= {**common, "written": 5, "errors": 3, "message": full}.items()
    assert counts[1].items() >= {**common, "written": 8, "errors": 0, "message": None}.items()
    assert [e.kind for e in bad.events] == ["output_down", "output_up"]  # it may be able to report this itself


def test_sink_that_fails_to_close_is_counted() -> None:
    class Bad(Notebook):
        def close(self) -> None:
            raise OSError("cannot flush")

    good = Notebook()
    summary = run(FakeCamera("ok"), StubModel(), [good, Bad()])
    assert summary.sinks[1].errors == 1
    assert [event.kind for event in good.events] == ["output_down"]
    assert good.closed == 1


def test_closed_output_ends_the_loop_cleanly() -> None:
    summary = run(FakeCamera("ok*9"), StubModel(), [Notebook(lambda index: OutputClosed() if index == 3 else None)])
    assert (summary.frames, summary.stopped_by, summary.message) == (4, "end", None)


def test_slow_sink_does_not_stall_the_loop() -> None:
    release, entered = threading.Event(), threading.Event()

    class Slow(Notebook):
        def write(self, frame: Frame, prediction: Prediction) -> None:
            entered.set()
            release.wait()
            super().write(frame, prediction)

    class Releasing(StubModel):
        def predict(self, image: Frame, top: int = 5, threshold: float | None = None) -> Prediction:
            if image.index == 1:
                entered.wait()
            if image.index == 19:
                release.set()  # the sink was stuck while 18 frames passed
            return super().predict(image, top, threshold)

    slow = Slow()
    summary = run(FakeCamera("ok*20"), Releasing(), [Queued(slow)])
    assert summary.frames == 20
    (count,) = summary.sinks
    assert count.dropped >= 15
    assert len(slow.frames) == 20 - count.dropped
    assert slow.frames[0][0].index == 0
    assert slow.frames[-1][0].index == 19
    assert slow.closed == 1


def test_queued_sink_reports_errors_of_its_thread() -> None:
    failed = threading.Event()

    def fail(index: int) -> Exception | None:
        failed.set()
        return OSError("broker down")

    class Waiting(StubModel):
        def predict(self, image: Frame, top: int = 5, threshold: float | None = None) -> Prediction:
            if image.index == 1:
                failed.wait()
            return super().predict(image, top, threshold)

    good = Notebook()
    summary = run(FakeCamera("ok*5"), Waiting(), [good, Queued(Notebook(fail))])
    assert len(good.frames) == 5
    assert summary.sinks[1].errors >= 1
    assert good.events[0].kind == "output_down"
    assert "broker down" in good.events[0].detail


# --- stopping


def test_stop_ends_after_the_current_frame() -> None:
    stop = Stop()

    class Stopping(StubModel):
        def predict(self, image: Frame, top: int = 5, threshold: float | None = None) -> Prediction:
            if image.index == 2:
                stop.request(signal.SIGTERM)
            return super().predict(image, top, threshold)

    notes = Notebook()
    summary = run(FakeCamera("ok*50"), Stopping(), [notes], stop=stop)
    assert (summary.frames, summary.stopped_by) == (3, "signal")
    assert len(notes.frames) == 3
    assert stop.signal == signal.SIGTERM


def test_stop_wakes_a_loop_waiting_for_its_camera() -> None:
    class Silent:
        """Delivers nothing until it is closed."""

        spec, live, dropped = "silent", True, 0

        def __init__(self) -> None:
            self._over = threading.Event()

        def __iter__(self) -> Iterator[Frame]:
            self._over.wait()
            return iter(())

        def close(self) -> None:
            self._over.set()

    stop = Stop()
    threading.Timer(0.05, stop.request).start()
    assert run(Silent(), StubModel(), [], stop=stop).stopped_by == "signal"


def test_camera_error_caused_by_closing_is_not_a_loss() -> None:
    stop = Stop()

    class Breaking(FakeCamera):
        def __iter__(self) -> Iterator[Frame | Unreadable]:
            stop.request()
            raise CameraLost("closed under our feet")
            yield

    summary = run(Breaking("ok"), StubModel(), [], stop=stop)
    assert (summary.stopped_by, summary.message) == ("signal", None)


def test_first_signal_asks_and_second_interrupts() -> None:
    stop = Stop()
    before = signal.getsignal(signal.SIGINT)
    with ended_by_signals(stop):
        signal.raise_signal(signal.SIGTERM)
        assert stop()
        assert stop.signal == signal.SIGTERM
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before


# --- the parts


def test_summary_has_the_documented_fields() -> None:
    value = run(FakeCamera("ok*3"), StubModel(), [Notebook()]).to_json()
    assert value["schema"] == "edgevision.run/1"
    assert set(value["model"]) == {"path", "name", "sha256", "task"}
    assert set(value["engine"]) == {"requested", "used", "runtime", "version", "threads", "fallback_reason"}
    assert set(value["stages_ms"]) == {"read", "prepare", "infer", "decode", "write"}
    assert set(value["stages_ms"]["infer"]) == {"p50", "p95", "p99", "max"}
    assert set(value["memory_mb"]) == {"start", "end", "peak"}
    assert {"source", "frames", "dropped", "errors", "reconnects", "seconds", "rate_fps", "first_prediction_ms"} < set(
        value
    )
    assert {"age_ms", "temperature_c", "throttled", "stopped_by"} < set(value)
    assert value["source"] == "fake:ok*3"


def test_summary_text_lines() -> None:
    lines = run(FakeCamera("ok,unreadable,ok"), StubModel(), []).describe()
    assert lines[0].startswith("2 frames in ")
    assert "1 error (stopped by: end)" in lines[0]
    assert "infer" in lines[1]
    assert run(FakeCamera("lost"), StubModel(), []).describe()[0].startswith("0 frames in ")


@given(st.lists(st.floats(0.001, 1e6), min_size=1, max_size=300))
def test_percentiles_are_within_one_percent(values: list[float]) -> None:
    spread = Percentiles()
    for value in values:
        spread.add(value)
    ordered = sorted(values)
    for fraction in (0.5, 0.95, 0.99):
        exact = ordered[max(0, int(np.ceil(fraction * len(values))) - 1)]
        assert spread.at(fraction) == pytest.approx(exact, rel=0.0101)
    assert spread.to_json()["max"] == pytest.approx(max(values), abs=1e-3)


def test_percentiles_use_bounded_memory() -> None:
    spread = Percentiles()
    for value in np.random.default_rng(0).lognormal(2, 3, 20_000):
        spread.add(float(value))
    assert len(spread._counts) < 1500
    assert spread.count == 20_000


def test_percentiles_without_values_are_none() -> None:
    assert set(Percentiles().to_json().values()) == {None}
    zero = Percentiles()
    zero.add(-1.0)
    assert zero.at(0.5) == 0.0


def test_memory_of_this_process_is_read(tmp_path: Path) -> None:
    now, peak = process_stats.memory_mb(), process_stats.peak_memory_mb()
    assert now is not None
    assert peak is not None
    assert 10 < now <= peak
    assert process_stats.memory_mb(tmp_path) is None
    assert process_stats.peak_memory_mb(tmp_path) is None


def test_temperature_is_read(tmp_path: Path) -> None:
    sensor = tmp_path / "temp"
    assert process_stats.temperature_c(sensor) is None
    sensor.write_text("48312\n")
    assert process_stats.temperature_c(sensor) == 48.3


def test_handoff_delivers_in_order_and_ends() -> None:
    queue: BoundedQueue[int] = BoundedQueue(3, newest_wins=True)
    for number in range(5):
        assert queue.put(number)
    queue.end(OSError("broken"))
    assert [queue.get(), queue.get(), queue.get()] == [2, 3, 4]
    with pytest.raises(OSError, match="broken"):
        queue.get()
    assert queue.dropped == 2


def test_lossless_handoff_waits_until_closed() -> None:
    queue: BoundedQueue[int] = BoundedQueue(1, newest_wins=False)
    assert queue.put(1)
    assert not queue.put(2, timeout=0.01)
    with pytest.raises(TimeoutError):
        BoundedQueue[int](1, newest_wins=False).get(timeout=0.01)
    queue.close()
    assert not queue.put(3)
    assert queue.get() is None


def test_rfc3339_format() -> None:
    assert rfc3339(0.0) == "1970-01-01T00:00:00.000Z"
    assert rfc3339(1_700_000_000.25) == "2023-11-14T22:13:20.250Z"


def test_fake_engine_repeats_its_last_step(data: Path) -> None:
    file = model_file.read(data / "tiny.tflite")
    engine = FakeEngine(file.inputs, file.outputs, "ok,error")
    tensor = np.zeros(file.inputs[0].shape, np.uint8)
    (answer,) = engine.infer(tensor)
    assert answer.shape == file.outputs[0].shape
    for _ in range(3):
        with pytest.raises(EngineError):
            engine.infer(tensor)
    with pytest.raises(BadInput, match="did you mean 'error'"):
        FakeEngine(file.inputs, file.outputs, "eror")
