"""Evaluation of models that find points: places, counts, thresholds, two models at once, and the command."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from box_scenes import Scene, put
from box_writers import write_voc
from command_line import edgevision
from documents import parse, valid
from hypothesis import given
from hypothesis import strategies as st

from edgevision.datasets.boxes.open_boxes import open_boxes
from edgevision.errors import BadModel
from edgevision.evaluation.detection.detectors import DetectorSubject
from edgevision.evaluation.detection.evaluation import BoxPictures
from edgevision.evaluation.detection.matching import match
from edgevision.evaluation.detection.page import page
from edgevision.evaluation.detection.points.evaluate import PointEvaluation, evaluate_points, point_subject
from edgevision.evaluation.detection.points.matching import PLACE
from edgevision.evaluation.detection.points.metrics import evaluate_point_boxes
from edgevision.evaluation.detection.points.point_boxes import PointModel
from edgevision.evaluation.detection.records import PredictedBoxes, TrueBoxes
from edgevision.evaluation.detection.tables import result_line
from edgevision.evaluation.scorers import ModelFacts
from edgevision.inspection import add_card
from edgevision.model_file.card import ModelCard
from edgevision.preprocessing.decode import encode_png
from edgevision.preprocessing.spec import Preprocessing
from edgevision.types import Frame, Point, Prediction, TensorSpec

CELL = 10
"""Side of a cell in pixels of the images; the scripted model sees 80x80 pixels as 8x8 cells."""
SCENES = (
    Scene("a.jpg", 80, 80, (("nut", (10.0, 10.0, 20.0, 20.0)), ("nut", (60.0, 60.0, 64.0, 64.0)))),
    Scene("b.jpg", 80, 80, (("bolt", (0.0, 0.0, 60.0, 40.0)),)),
    Scene("empty.jpg", 80, 80, ()),
)
Found = tuple[str, float, float, float]
"""label, score, x, y"""
PERFECT: dict[str, Sequence[Found]] = {
    "a.jpg": (("nut", 0.9, 15.0, 15.0), ("nut", 0.8, 62.0, 62.0)),
    "b.jpg": (("bolt", 0.7, 30.0, 20.0),),
}


class ScriptedPoints(PointModel):
    """Finds what a script says for each image."""

    sha256 = "0" * 64
    outputs = (TensorSpec("cells", (1, 8, 8, 3), "float32"),)

    def __init__(self, script: dict[str, Sequence[Found]], labels: Sequence[str] = ("nut", "bolt"), **card: object):
        self.card = ModelCard("stub", "points", Preprocessing(64, 64, resize="stretch"), tuple(labels), **card)  # type: ignore[arg-type]
        self.script = script

    def predict(self, image: Frame, top: int = 5, threshold: float | None = None) -> Prediction:
        found = [
            Point(self.card.labels.index(label), label, score, x, y)
            for label, score, x, y in self.script.get(image.source.rpartition("/")[2], ())
        ]
        return Prediction("points", points=tuple(sorted(found, key=lambda one: -one.score)))


def subject(model: PointModel, path: str = "model.tflite") -> DetectorSubject:
    return point_subject(model, ModelFacts(path, model.sha256, "tflite", "int8", 1000, "cpu"))


def pictures(root: Path) -> BoxPictures:
    data = open_boxes(write_voc(root, SCENES))
    return BoxPictures(data, data.images)


def measured(root: Path, script: dict[str, Sequence[Found]], **more: object) -> PointEvaluation:
    done = evaluate_points(subject(ScriptedPoints(script, **more)), pictures(root))  # type: ignore[arg-type]
    valid(done.to_json(), "evaluate")
    return done


def test_perfect_points_have_full_f1_and_no_count_error(tmp_path: Path) -> None:
    done = measured(tmp_path, PERFECT)
    assert (done.measures.f1.value, done.measures.count_error.value) == (1.0, 0.0)
    assert done.measures.errors.every == ()
    record = done.to_json()
    assert "map50" not in record and (record["objects"], record["points"]["counted"]) == (3, 3)
    assert [(one["name"], one["objects"], one["f1"]) for one in record["per_class"]] == [
        ("bolt", 1, 1.0),
        ("nut", 2, 1.0),
    ]
    assert record["threshold"]["used"] == 0.5 and record["threshold"]["used_from"] == "default"
    assert "F1 100.0 %" in result_line(done) and "3 points for 3 objects" in result_line(done)


@pytest.mark.parametrize(
    ("x", "y", "found"),
    [
        (58.0, 38.0, True),  # at the edge of a large object, far from its center
        (61.0, 20.0, False),  # outside, more than a cell from the center
    ],
)
def test_point_finds_a_large_object_where_its_box_is(tmp_path: Path, x: float, y: float, found: bool) -> None:
    done = measured(tmp_path, {**PERFECT, "b.jpg": (("bolt", 0.7, x, y),)})
    assert done.measures.errors.counts() == {
        "missed": int(not found), "background": int(not found), "localisation": 0, "confused": 0, "both": 0, "duplicate": 0
    }  # fmt: skip


@pytest.mark.parametrize(("away", "found"), [(10.0, True), (10.5, False)])
def test_point_finds_a_small_object_within_one_cell_of_its_center(tmp_path: Path, away: float, found: bool) -> None:
    script = {**PERFECT, "a.jpg": (("nut", 0.9, 15.0, 15.0), ("nut", 0.8, 62.0 + away, 62.0))}
    assert (measured(tmp_path, script).measures.f1.value == 1.0) is found


def test_errors_have_their_causes_and_count_per_image(tmp_path: Path) -> None:
    script: dict[str, Sequence[Found]] = {
        "a.jpg": (("nut", 0.9, 15.0, 15.0), ("nut", 0.8, 16.0, 14.0), ("bolt", 0.7, 62.0, 62.0)),
        "b.jpg": (("bolt", 0.3, 30.0, 20.0),),  # below the threshold
        "empty.jpg": (("nut", 0.6, 40.0, 40.0),),
    }
    done = measured(tmp_path, script)
    counts = done.measures.errors.counts()
    assert (counts["duplicate"], counts["confused"], counts["missed"], counts["background"]) == (1, 1, 1, 1)
    # a: a bolt too many; b: a bolt too few; empty: a nut too many.
    assert done.measures.count_error.value == pytest.approx(1.0)
    assert (done.measures.precision.value, done.measures.recall.value) == (0.25, pytest.approx(1 / 3))
    best = done.measures.metrics.best
    assert best is not None and best.threshold == pytest.approx(0.9)
    assert "Missed" in page(done) and "data:image/jpeg" in page(done)


def test_threshold_of_the_model_counts(tmp_path: Path) -> None:
    low = {name: [(label, 0.3, x, y) for label, _, x, y in found] for name, found in PERFECT.items()}
    assert measured(tmp_path, low, threshold=0.4).measures.recall.value == 0.0
    assert measured(tmp_path / "low", low, threshold=0.2).measures.f1.value == 1.0


def test_two_models_are_compared_by_points_at_most_a_cell_apart(tmp_path: Path) -> None:
    moved = {**PERFECT, "a.jpg": (("nut", 0.9, 24.0, 15.0), ("nut", 0.8, 73.0, 62.0))}
    done = evaluate_points(
        subject(ScriptedPoints(PERFECT)), pictures(tmp_path), other=subject(ScriptedPoints(moved), "other.tflite")
    )
    record = valid(done.to_json(), "evaluate")["compare"]
    assert (record["agreement"]["same"], record["agreement"]["total"]) == (4, 6)
    assert record["f1_change_points"]["value"] == pytest.approx(100 * (4 / 6 - 1))
    assert "Compared with another model" in page(done)


def test_detector_of_boxes_cannot_be_compared_with_points() -> None:
    model = ScriptedPoints(PERFECT)
    model.card = ModelCard("stub", "detection", Preprocessing(64, 64))
    with pytest.raises(BadModel, match="compare points with points"):
        subject(model)


SPOTS = st.lists(st.tuples(st.integers(0, 70), st.integers(0, 70)), max_size=8)


@given(SPOTS, SPOTS)
def test_every_object_is_found_once_and_only_at_its_place(
    points: list[tuple[int, int]], things: list[tuple[int, int]]
) -> None:
    boxes = np.asarray([(x, y, x + CELL, y + CELL) for x, y in points], np.float32).reshape(-1, 4)
    truth = np.asarray([(x, y, x + 4, y + 4) for x, y in things], np.float32).reshape(-1, 4)
    predicted = PredictedBoxes(boxes, np.linspace(0.9, 0.5, len(boxes), dtype=np.float32), np.zeros(len(boxes), int))
    true = TrueBoxes(truth, np.zeros(len(truth), int), np.zeros(len(truth), bool))
    found = match([predicted], [true], PLACE).found[:, 0]
    kept = found[found >= 0]
    assert len(set(kept.tolist())) == len(kept)
    for (x, y), at in zip(points, found, strict=True):
        if at >= 0:
            across, down = (abs(a + CELL / 2 - b - 2) for a, b in zip((x, y), things[at], strict=True))
            assert max(across, down) <= CELL
    counts = evaluate_point_boxes([predicted], [true], ["thing"], 0.0).counts
    assert counts.errors[0] == abs(len(points) - len(things)) and counts.every.correct == len(kept)


def test_evaluate_measures_a_file_of_edge_impulse(data: Path, tmp_path: Path) -> None:
    """The small FOMO sees green and blue squares on red."""
    (tmp_path / "names.txt").write_text("green\nblue\n")
    options = add_card.CardOptions(resize="stretch", labels=tmp_path / "names.txt")
    add_card.write(add_card.new_card(data / "cells.tflite", options), tmp_path / "m.tflite")
    scenes, photos = [], {}
    for n in range(3):
        pixels = np.full((64, 64, 3), (255, 0, 0), np.uint8)
        pixels[:16, 16 * n : 16 * n + 16] = 0, 255, 0
        pixels[-16:, -16:] = 0, 0, 255
        boxes = (("green", (16.0 * n, 0.0, 16.0 * n + 16, 16.0)), ("blue", (48.0, 48.0, 64.0, 64.0)))
        scenes.append(Scene(f"{n}.png", 64, 64, boxes))
        photos[f"{n}.png"] = encode_png(Frame(pixels, "RGB"))

    def photo(path: Path, scene: Scene) -> None:
        put(path, photos[scene.name])

    write_voc(tmp_path / "photos", scenes, photo)
    command = ("evaluate", "m.tflite", "photos", "--runs", "runs")
    done = edgevision(*command, "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    record = parse(done.stdout, "evaluate")
    assert (record["task"], record["objects"], record["points"]["f1"]["value"]) == ("points", 6, 1.0)
    assert json.loads((tmp_path / "runs" / "evaluate-1" / "metrics.json").read_text()) == record
    said = " ".join(edgevision(*command, cwd=tmp_path).stdout.split())
    assert re.search(r"F1 100\.0 %.*count off by 0\.00 per image.*: 6 points for 6 objects", said)
