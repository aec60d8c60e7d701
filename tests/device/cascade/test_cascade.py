"""The second model: what it looks at, which part of the image it gets, and what a run prints."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from command_line import edgevision
from documents import parse
from edgevision.device.cascade import look_plan
from edgevision.device.cascade.crop import crop
from edgevision.device.cascade.look_plan import LOOKS, LookPlan
from edgevision.device.cascade.recognition import Recognitions
from hypothesis import given
from hypothesis import strategies as st

from edgevision.preprocessing.spec import Preprocessing
from edgevision.types import Detection, Frame, Label

SQUARE = Preprocessing(32, 32)
BIRD = Detection(0, "bird", 0.9, (10.0, 10.0, 50.0, 50.0), track=1)


def looks(plan: LookPlan, found: tuple[Detection, ...], at: float) -> list[int | None]:
    chosen = plan.choose(found, at)
    for one in chosen:
        plan.looked(one, at)
    return [one.track for one in chosen]


# Which tracks are looked at.


def test_new_track_is_looked_at_a_few_times_and_then_left_alone() -> None:
    plan = LookPlan()
    found = [second for second in range(80) if looks(plan, (BIRD,), second / 10)]
    assert found == [0, 2, 4]


def test_track_is_looked_at_again_after_a_while_when_it_grows_and_when_its_class_changes() -> None:
    plan = LookPlan()
    for number in range(3):
        assert looks(plan, (BIRD,), float(number))
    assert not looks(plan, (BIRD,), 3.0)
    assert looks(plan, (BIRD,), 2 + look_plan.AGAIN_S)
    near = replace(BIRD, box=(10.0, 10.0, 62.0, 62.0))
    assert looks(plan, (near,), 13.0)
    assert not looks(plan, (near,), 14.0)
    assert looks(plan, (replace(near, index=1, name="cat"),), 15.0)


def test_object_without_a_track_is_not_looked_at() -> None:
    assert not LookPlan().choose([replace(BIRD, track=None)], 0.0)


def test_many_new_objects_share_the_frames_and_none_is_forgotten() -> None:
    plan = LookPlan()
    birds = tuple(replace(BIRD, track=number) for number in range(1, 8))
    seen = [looks(plan, birds, frame / 10) for frame in range(40)]
    assert max(map(len, seen)) == look_plan.PER_FRAME
    assert {number: sum(one.count(number) for one in seen) for number in range(1, 8)} == dict.fromkeys(range(1, 8), 3)


def test_film_that_begins_again_is_looked_at_again() -> None:
    plan = LookPlan()
    for number in range(3):
        looks(plan, (BIRD,), 100.0 + number)
    assert looks(plan, (BIRD,), 0.0)


def test_memory_of_tracks_is_bounded() -> None:
    plan = LookPlan()
    for number in range(1, 2000):
        plan.choose([replace(BIRD, track=number)], float(number))
    assert len(plan.tracks) == look_plan.MAX_TRACKS
    assert 1999 in plan.tracks


# Which labels are reported.


def labels(*scores: float) -> tuple[Label, ...]:
    """Return labels of a robin and a wren with these scores, best first, without those of 0."""
    found = [Label(n, name, score) for n, (name, score) in enumerate(zip(("robin", "wren"), scores, strict=True))]
    return tuple(sorted((one for one in found if one.score), key=lambda one: -one.score))


def test_label_is_reported_when_it_is_settled_and_when_it_clearly_changes() -> None:
    told = Recognitions()
    assert told.look(BIRD, labels(0.9, 0.1), 2, 0, 0.0) is None
    first = told.look(BIRD, labels(0.8, 0.2), LOOKS, 7, 0.7)
    assert first is not None and (first.label.name, first.of.name, first.before, first.index) == (
        "robin",
        "bird",
        None,
        7,
    )
    for same in (labels(0.7, 0.3), labels(0.47, 0.53), ()):
        assert told.look(BIRD, same, 4, 8, 0.8) is None
    change = told.look(BIRD, labels(0.4, 0.6), 5, 9, 0.9)
    assert change is not None and change.before is not None
    assert (change.label.name, change.before.name) == ("wren", "robin")


def test_unknown_is_not_reported_until_it_is_known() -> None:
    told = Recognitions()
    assert told.look(BIRD, (), LOOKS, 0, None) is None
    assert told.look(BIRD, labels(0, 0.6), LOOKS + 1, 1, None) is not None
    told.keep(())
    assert told.look(BIRD, labels(0, 0.6), LOOKS + 2, 2, None) is not None


# Which part of the image the classifier gets.


@given(
    st.integers(8, 300),
    st.integers(8, 300),
    st.floats(-20, 300),
    st.floats(-20, 300),
    st.floats(1, 400),
    st.floats(1, 400),
)
def test_crop_is_inside_the_frame_and_around_the_box(
    width: int, height: int, x: float, y: float, wide: float, tall: float
) -> None:
    frame = Frame(np.zeros((height, width, 3), np.uint8), "RGB")
    box = (min(max(x, 0), width), min(max(y, 0), height), min(max(x + wide, 0), width), min(max(y + tall, 0), height))
    part = crop(frame, box, SQUARE)
    if min(box[2] - box[0], box[3] - box[1]) < 8:
        assert part is None
    else:
        assert part is not None
        assert part.width <= width and part.height <= height
        assert part.width >= int(box[2] - box[0]) - 1 and part.height >= int(box[3] - box[1]) - 1


def test_crop_has_the_shape_of_the_input() -> None:
    frame = Frame(np.arange(400 * 300 * 3, dtype=np.uint32).astype(np.uint8).reshape(300, 400, 3), "RGB")
    part = crop(frame, (150.0, 100.0, 190.0, 180.0), SQUARE)
    assert part is not None and (part.width, part.height) == (96, 96)
    cut = crop(frame, (150.0, 100.0, 190.0, 180.0), replace(SQUARE, resize="crop", crop_fraction=0.8))
    assert cut is not None and (cut.width, cut.height) == (120, 120)
    wide = crop(frame, (150.0, 100.0, 190.0, 180.0), Preprocessing(64, 32))
    assert wide is not None and (wide.width, wide.height) == (192, 96)


# A run with both models.


@pytest.fixture
def film(tmp_path: Path) -> Path:
    """Return a film in which a red square moves through the view; for the detector, it is an object."""
    path = tmp_path / "film.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10, (128, 128))
    for number in range(20):
        image = np.zeros((128, 128, 3), np.uint8)
        image[48:64, 16 + number : 32 + number, 2] = 255
        writer.write(image)
    writer.release()
    return path


@pytest.fixture
def models(data: Path, tmp_path: Path) -> tuple[Path, Path]:
    """Return a detector of colored pixels and a classifier of colors."""
    (tmp_path / "colors.txt").write_text("thing\nleaf\nsky\n")
    (tmp_path / "kinds.txt").write_text("tomato\ncucumber\nplum\n")
    detector, classifier = tmp_path / "detector.tflite", tmp_path / "kinds.tflite"
    card = ["--resize", "stretch", "--labels"]
    done = edgevision("card", str(data / "detector.tflite"), *card, str(tmp_path / "colors.txt"), "-o", str(detector))
    assert done.returncode == 0, done.stderr
    given_card = [*card, str(tmp_path / "kinds.txt"), "--task", "classification", "--mean", "127.5", "--std", "127.5"]
    done = edgevision("card", str(data / "tiny.tflite"), *given_card, "-o", str(classifier))
    assert done.returncode == 0, done.stderr
    return detector, classifier


def test_objects_get_the_labels_of_the_second_model(models: tuple[Path, Path], film: Path, tmp_path: Path) -> None:
    detector, classifier = models
    given_run = ["--source", str(film), "--json", "--then", str(classifier), "--summary", str(tmp_path / "s.json")]
    to = ["--events", "--to", f"csv:{tmp_path / 'log.csv'},only=events", "--to", f"snapshots:{tmp_path / 'seen'}"]
    done = edgevision("run", str(detector), *given_run, "--of", "thing", "--threshold", "0.3", *to)
    assert done.returncode == 0, done.stderr
    every = [parse(line, "run_line") for line in done.stdout.splitlines()]
    lines = [line for line in every if line["type"] == "frame"]
    events = [line for line in every if line.get("event") == "recognized"]
    assert events and len({line["track"] for line in events}) == len(events)
    assert {(line["label"]["name"], line["of"]["name"]) for line in events} == {("tomato", "thing")}
    assert f"thing #{events[0]['track']}: tomato" in events[0]["detail"]
    assert f"recognized,{events[0]['index']},,tomato," in (tmp_path / "log.csv").read_text()
    assert any("tomato" in path.name and path.stem.endswith("-crop") for path in (tmp_path / "seen").iterdir())
    named = [one for line in lines for one in line["objects"] if "labels" in one]
    assert len(named) > 10
    assert {one["labels"][0]["name"] for one in named} == {"tomato"}
    assert all("track" in one for one in named)
    assert all(line["stages_ms"]["then"] >= 0 for line in lines)
    assert json.loads((tmp_path / "s.json").read_text())["stages_ms"]["then"]["p50"] > 0


def test_only_the_given_labels_are_classified(models: tuple[Path, Path], film: Path) -> None:
    detector, classifier = models
    given_run = ["--source", str(film), "--json", "--then", str(classifier), "--of", "leaf,sky"]
    done = edgevision("run", str(detector), *given_run)
    assert done.returncode == 0, done.stderr
    assert '"track"' in done.stdout
    assert '"labels"' not in done.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--of", "thing"], 1, "--of needs a second model: --then CLASSIFIER.tflite"),
        (["--then", "{classifier}", "--of", "thong"], 1, "'thong'.*finds no such objects; did you mean 'thing'"),
        (["--then", "{detector}"], 1, "--then needs a classifier, but .* is a detection model"),
        (["--then", "nowhere.tflite"], 1, "second model not found: nowhere.tflite"),
    ],
)
def test_wrong_second_model_is_refused_in_one_line(
    models: tuple[Path, Path], film: Path, arguments: list[str], code: int, said: str
) -> None:
    import re

    detector, classifier = models
    filled = [one.format(detector=detector, classifier=classifier) for one in arguments]
    done = edgevision("run", str(detector), "--source", str(film), *filled)
    assert done.returncode == code, done.stderr
    assert re.search(said, done.stderr), done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
