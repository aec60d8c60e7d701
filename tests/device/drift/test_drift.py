"""``edgevision run --drift``: what is raised, what is not, what is kept, and who hears of it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_line import edgevision
from documents import accepted, parse, valid
from edgevision.device.drift.detector import ALARM_HOURS, FIRST_HOURS, LEARN_HOURS, Detector
from edgevision.device.drift.state_file import Subject, drift_file, dumps, read, restored, status_of_file
from edgevision.device.drift.watch import DriftWatch
from edgevision.device.loop.loop import run
from edgevision.device.outputs.metrics.label_table import LabelTable
from edgevision.device.outputs.metrics.metric_families import text
from edgevision.device.outputs.mqtt.discovery import discovery_payload
from edgevision.device.outputs.mqtt.status import StatusReport
from edgevision.device.outputs.mqtt.topics import Topics
from edgevision.device.sinks.jsonl import event_record
from edgevision.device.stream.events import Event
from edgevision.device.stream.protocols import Sink, Source
from edgevision.device.telemetry.run_stats import RunStats
from hypothesis import given
from hypothesis import strategies as st
from output_parts import context_of

from edgevision import open_model
from edgevision.errors import BadInput
from edgevision.model import Model
from edgevision.model_file import model_file
from edgevision.model_file.card import DriftReference, MeasureReference, ModelCard
from edgevision.postprocessing.drift_vector import SIZE, projection
from edgevision.preprocessing import decode
from edgevision.preprocessing.spec import Preprocessing
from edgevision.types import Frame, Prediction

PER_HOUR = 6
Vectors = dict[str, Any]


def vectors(hour: float, random: np.random.Generator, moved: float = 0.0) -> Vectors:
    """Return features of an hour: a circle through day and night, the weather of the day and noise; ``moved``: by how far."""
    angle, weather = hour / 24 * 2 * np.pi, 0.05 * np.sin(12.9898 * int(hour / 24))
    found = np.zeros(8, np.float32)
    found[:3] = np.sin(angle), np.cos(angle), weather
    found[3] = moved
    return {"features": (0.4 * found + 0.1 * random.standard_normal(8)).astype(np.float32)}


def watched(
    detector: Detector, days: float, seed: int = 0, moved: float = 0.0, begin: float | None = None
) -> list[int]:
    """Add days of frames; return the hours of the alarms."""
    random, start = np.random.default_rng(seed), detector.number if begin is None else begin
    alarms = []
    for number in range(int(days * 24 * PER_HOUR)):
        if detector.add(vectors(start + number / PER_HOUR, random, moved), 3600 / PER_HOUR):
            alarms.append(detector.number)
    return alarms


@pytest.fixture
def detector() -> Detector:
    return Detector(["features"], None)


@pytest.mark.parametrize("seed", range(4))
def test_unchanged_scene_raises_nothing_in_a_month(detector: Detector, seed: int) -> None:
    assert watched(detector, 30, seed) == []
    assert detector.status().state == "watching"


def test_moved_scene_is_reported_within_hours_and_once_a_day(detector: Detector) -> None:
    watched(detector, 9)
    alarms = watched(detector, 3, moved=2.0)
    assert 2 <= alarms[0] - 9 * 24 <= 8
    assert np.diff(alarms).tolist() == [ALARM_HOURS] * (len(alarms) - 1)
    assert len(alarms) == 3
    assert detector.status().state == "drifted"
    assert watched(detector, 1) == []
    assert detector.status().state == "watching", "it came back"


def test_one_covered_hour_is_no_drift(detector: Detector) -> None:
    watched(detector, 9)
    assert watched(detector, 1 / 24, moved=30.0) == []
    assert watched(detector, 2) == []


def test_first_day_is_learned_and_raises_nothing(detector: Detector) -> None:
    watched(detector, 0.5)
    assert watched(detector, 0.5, moved=5.0) == []
    status = detector.status()
    assert (status.hours, status.state) == (FIRST_HOURS, "watching")
    assert status.measures == {}, "nothing to compare with: the file has no reference"


def test_baseline_is_bounded_and_does_not_follow_what_moves_slowly(detector: Detector) -> None:
    watched(detector, 8)
    assert any(watched(detector, 1, moved=0.15 * day) for day in range(20))
    assert len(detector.measures["features"].hours) <= LEARN_HOURS


def test_first_day_is_compared_with_the_calibration() -> None:
    reference = DriftReference(64, {"features": MeasureReference(2.0, (0.0,) * 8)})
    detector = Detector(["features"], reference)
    watched(detector, 0.25)
    status = detector.status()
    assert (status.reference, status.state) == ("calibration", "learning")
    assert status.measures["features"].value == pytest.approx(0.2, abs=0.02), "0.4 away, in units of 2.0"
    watched(detector, 1)
    assert detector.status().reference == "baseline"


def test_state_survives_a_restart_in_the_middle_of_an_hour(detector: Detector) -> None:
    subject = Subject("0" * 64, "camera 0")
    watched(detector, 8.02)
    document = valid(json.loads(dumps(detector, subject)), "drift_state")
    other = restored(document, ("features",), None)
    assert valid(json.loads(dumps(other, subject))) == document
    for one in (detector, other):
        assert watched(one, 2, seed=5, moved=2.0, begin=192) != []
    assert dumps(detector, subject) == dumps(other, subject)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=9),
        lambda x: st.lists(x) | st.dictionaries(st.text(max_size=9), x),
    ),
    st.sampled_from(["hours", "this_hour", "measures", "alarm_at_hour", "state", "model_sha256", "mount"]),
)
def test_damaged_state_is_one_line(tmp_path_factory: pytest.TempPathFactory, value: object, key: str) -> None:
    detector = Detector(["features"], None)
    watched(detector, 0.05)
    document = json.loads(dumps(detector, Subject("0" * 64, "camera 0"))) | {key: value}
    path = tmp_path_factory.getbasetemp() / "damaged.json"
    path.write_text(json.dumps(document))
    try:
        assert accepted(status_of_file(path), "drift")
    except BadInput as error:
        assert "\n" not in str(error)


def test_projection_keeps_distances() -> None:
    random = np.random.default_rng(0)
    points = random.normal(size=(40, 1280)).astype(np.float32)
    short = points @ projection(1280).T
    assert short.shape == (40, SIZE)
    ratios = np.linalg.norm(np.diff(short, axis=0), axis=1) / np.linalg.norm(np.diff(points, axis=0), axis=1)
    assert abs(ratios.mean() - 1) < 0.05
    assert np.abs(ratios - 1).max() < 0.3


class Days(Source):
    """Colored frames of a live camera: red by day, blue by night, and green from an hour on."""

    live = True
    spec = "colors"

    def __init__(self, days: int, green_from: float = 1e9) -> None:
        self._days, self._green_from = days, green_from

    def __iter__(self) -> Iterator[Frame]:
        for index in range(self._days * 24 * PER_HOUR):
            hour = index / PER_HOUR
            color = (0, 255, 0) if hour >= self._green_from else (255, 0, 0) if 6 <= hour % 24 < 18 else (0, 0, 255)
            yield Frame(np.full((8, 8, 3), color, np.uint8), "RGB", index, hour * 3600, self.spec)


class Events(Sink):
    def __init__(self) -> None:
        self.found: list[Event] = []

    def write(self, frame: Frame, prediction: Prediction) -> None:
        pass

    def event(self, event: Event) -> None:
        self.found.append(event)


@pytest.fixture(scope="module")
def model(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Model]:
    """The tiny model, which tells red, green and blue."""
    file = model_file.read(data / "tiny.tflite")
    spec = file.inputs[0]
    path = tmp_path_factory.mktemp("model") / "colors.tflite"
    rule = Preprocessing(spec.shape[2], spec.shape[1], mean=(float(spec.zero_point),), std=(1 / spec.scale,))
    model_file.write(path, file.flatbuffer, ModelCard("colors", "classification", rule, ("red", "green", "blue")))
    with open_model(path) as opened:
        yield opened


def played(model: Model, source: Source, path: Path | None, mount: str = "here") -> tuple[list[Event], DriftWatch]:
    watch = DriftWatch(model.drift_reader(), model.card.drift, lambda: Subject(model.sha256, mount), path)
    model.observer = watch.observe
    events = Events()
    run(source, model, [events], watch=watch, tell_changes=False)
    return events.found, watch


def test_loop_reports_what_moved_as_an_event(model: Model, tmp_path: Path) -> None:
    path = drift_file(tmp_path, "cam")
    events, watch = played(model, Days(3, green_from=55), path)
    assert [event.kind for event in events] == ["drift"]
    record = valid(event_record(events[0]), "run_line")
    assert (record["measure"], record["expected"]) == ("scores", 0.1)
    assert record["value"] > 0.5
    assert "edgevision drift --reset" in record["detail"]
    assert watch.status().state == "drifted"
    assert parse(path.read_text(), "drift_state")["state"] == "drifted"


def test_baseline_is_used_again_unless_model_mount_or_file_changed(model: Model, tmp_path: Path) -> None:
    path = drift_file(tmp_path, "cam")
    played(model, Days(2), path)
    events, _ = played(model, Days(1, green_from=0), path)
    assert [event.kind for event in events] == ["drift"], "green from the start, but red and blue were learned before"
    events, watch = played(model, Days(2, green_from=0), path, mount="there")
    assert (events, watch.status().state) == ([], "watching")
    path.write_text("{")
    _, watch = played(model, Days(1), path)
    assert watch.status().hours < 25
    assert parse(path.read_text(), "drift_state")["hours"] == 23


def test_command_shows_and_forgets(model: Model, tmp_path: Path) -> None:
    there = ("--state", tmp_path, "--camera-name", "cam")
    missing = edgevision("drift", *there, cwd=tmp_path)
    assert (missing.returncode, missing.stderr.count("\n")) == (1, 1)
    _, watch = played(model, Days(2), drift_file(tmp_path, "cam"))
    shown = parse(edgevision("drift", *there, "--json", cwd=tmp_path).stdout, "drift")
    assert (shown["state"], shown["reference"], shown["hours"]) == ("watching", "baseline", watch.status().hours)
    assert "watching, 48 hours" in edgevision("drift", *there, cwd=tmp_path).stdout
    assert edgevision("drift", *there, "--reset", cwd=tmp_path).returncode == 0
    assert not drift_file(tmp_path, "cam").exists()


def test_running_loop_notices_that_its_file_was_deleted(model: Model, tmp_path: Path) -> None:
    path = drift_file(tmp_path, "cam")
    _, watch = played(model, Days(2), path)
    path.unlink()
    frame = Frame(np.zeros((8, 8, 3), np.uint8), "RGB", 0, 50 * 3600.0)
    model.predict(frame)
    assert watch.status().hours < 1


def run_command(*args: object) -> subprocess.CompletedProcess[str]:
    return edgevision("run", *args, "--drift", "--quiet")


def test_run_has_the_option_and_refuses_single_images(model: Model, tmp_path: Path) -> None:
    given_ = (model.path, "--state", tmp_path, "--camera-name", "cam")
    summary = tmp_path / "run.json"
    live = run_command(*given_, "--camera", "fake:ok*3", "--limit", 3, "--summary", summary)
    assert live.returncode == 0, live.stderr
    drift = parse(summary.read_text(), "run")["drift"]
    assert drift == {"state": "learning", "reference": None, "hours": 0.0, "measures": {}}
    assert read(drift_file(tmp_path, "cam"))["this_hour"]["samples"] == 1
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "one.png").write_bytes(decode.encode_png(Frame(np.zeros((8, 8, 3), np.uint8), "RGB")))
    refused = run_command(*given_, "--source", tmp_path / "photos")
    assert (refused.returncode, refused.stderr.count("\n")) == (1, 1), refused.stderr


def test_outputs_show_drift(model: Model, tmp_path: Path) -> None:
    _, watch = played(model, Days(3, green_from=55), None)
    stats = RunStats()
    stats.drift = watch.status
    context = context_of(stats)
    families = text(context, LabelTable(), {"drift": 1}, True).decode()
    assert "edgevision_drift 1.0" in families
    assert 'edgevision_drift_distance{measure="scores",reference="baseline"}' in families
    assert 'edgevision_events_total{kind="drift"} 1.0' in families
    status = valid(StatusReport(context).make(), "mqtt_status")
    assert status["drift"] == asdict(watch.status())
    topics = Topics("edgevision/cam", "cam", "homeassistant")
    with_, without = (
        discovery_payload(topics, "m", "", {}, frames=True, events=True, drift=on) for on in (True, False)
    )
    assert with_["components"]["drift"]["device_class"] == "problem"
    assert "drift" not in without["components"]
