"""A file with the input and output of a YOLO export: channels first, no metadata."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest
from command_line import edgevision

from edgevision import open_model
from edgevision.inspection.report import inspect
from edgevision.preprocessing.decode import encode_png
from edgevision.types import Frame

FRAME = (64, 128, 3)
"""A letterbox of 32x32 scales it by a quarter, with borders of 8 pixels above and below."""


def card(source: Path, target: Path, *more: str) -> subprocess.CompletedProcess[str]:
    given = ["--resize", "letterbox", "--fill", "114", "--mean", "0", "--std", "255", *more, "-o", target]
    return edgevision("card", source, *given)


@pytest.fixture(scope="module")
def model(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("yolo")
    (folder / "labels.txt").write_text("red\ngreen\nblue\n")
    done = card(data / "yolo.tflite", folder / "m.tflite", "--labels", str(folder / "labels.txt"), "--iou", "0.6")
    assert done.returncode == 0, done.stderr
    assert "detection, 3 labels" in done.stdout
    return folder / "m.tflite"


def scene() -> Frame:
    pixels = np.zeros(FRAME, np.uint8)
    pixels[0:32, 32:64] = 255, 0, 0  # cell (1, 1) of the input
    return Frame(pixels, "RGB")


def test_object_is_found_at_its_place_in_the_frame(model: Path) -> None:
    with open_model(model, threads=1) as opened:
        (found,) = opened.predict(scene(), threshold=0.6).objects
        assert opened.prepare(scene()).shape == (1, 3, 32, 32)
    assert (found.name, found.score) == ("red", 1.0)
    assert found.box == (32.0, 0.0, 64.0, 32.0)


def test_card_keeps_layout_and_overlap(model: Path) -> None:
    found = inspect(model)
    assert found["card"]["detector"] == {"layout": "yolo", "iou": 0.6}
    assert found["card"]["preprocessing"]["fill"] == 114
    assert "raw boxes" in found["compatibility"]["mediapipe"]["reason"]


def test_inspect_names_the_layout_of_the_outputs(model: Path, data: Path) -> None:
    for path in (model, data / "yolo.tflite"):
        (layout,) = inspect(path)["layouts"]
        assert (layout["name"], layout["classes"]) == ("yolo", 3)
        assert "YOLOv8" in layout["description"]
    assert inspect(data / "tiny.tflite")["layouts"] == []
    done = edgevision("inspect", model)
    assert done.returncode == 0, done.stderr
    assert "yolo, 3 classes: one output" in done.stdout


def test_run_prints_its_objects(model: Path, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(encode_png(scene()))
    done = edgevision("run", model, "--source", tmp_path, "--json")
    assert done.returncode == 0, done.stderr
    line = json.loads(done.stdout.splitlines()[0])
    assert [(one["name"], one["box"]) for one in line["objects"]] == [("red", [32.0, 0.0, 64.0, 32.0])]


def test_file_without_card_is_fed_as_yolo_is(data: Path, tmp_path: Path) -> None:
    bare = tmp_path / "m.tflite"
    bare.write_bytes((data / "yolo.tflite").read_bytes())
    with open_model(bare, threads=1) as opened:
        assert (opened.card.maker, opened.preprocessing.fill, opened.preprocessing.resize) == (
            "ultralytics",
            114,
            "letterbox",
        )
        assert "its outputs have the layout of YOLO" in opened.recognized
        (found,) = opened.predict(scene(), threshold=0.6).objects
    assert (found.name, found.box) == ("0", (32.0, 0.0, 64.0, 32.0))


def test_wrong_number_of_labels_is_refused(data: Path, tmp_path: Path) -> None:
    (tmp_path / "two.txt").write_text("a\nb\n")
    done = card(data / "yolo.tflite", tmp_path / "m.tflite", "--labels", str(tmp_path / "two.txt"))
    assert done.returncode == 1
    assert "got 2 labels, but the model has 3 classes" in done.stderr


def test_overlap_is_refused_where_it_has_no_effect(data: Path, tmp_path: Path) -> None:
    given = ["--resize", "stretch", "--iou", "0.5", "-o", tmp_path / "m.tflite"]
    done = edgevision("card", data / "detector.tflite", *given)
    assert done.returncode == 2
    assert "--iou has no effect: a model with the layout detection-operator" in done.stderr
