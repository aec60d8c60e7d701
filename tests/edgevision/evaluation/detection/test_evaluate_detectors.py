"""Evaluation of detectors on labeled boxes: labels, splits, two detectors at once, training images, and the command."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from box_scenes import SCENES, Scene, put
from box_writers import write_voc
from command_line import edgevision
from documents import parse, valid

from edgevision.datasets.boxes.open_boxes import open_boxes
from edgevision.datasets.dataset import read_unlabelled
from edgevision.datasets.training_images import card_entry
from edgevision.errors import BadInput, BadModel
from edgevision.evaluation.detection.detectors import Detector, DetectorSubject
from edgevision.evaluation.detection.evaluate import DetectorEvaluation, evaluate_detectors
from edgevision.evaluation.detection.evaluation import BoxPictures
from edgevision.evaluation.detection.page import page
from edgevision.evaluation.detection.tables import result_line
from edgevision.evaluation.scorers import ModelFacts
from edgevision.model_file.card import ModelCard
from edgevision.preprocessing.spec import Preprocessing
from edgevision.types import Detection, Frame, Prediction

SSD = "coco_ssd_mobilenet_v1_1.0_quant_with_metadata.tflite"
RACCOONS = 24
Found = tuple[str, float, tuple[float, float, float, float]]
"""label, score, box"""


class ScriptedDetector(Detector):
    """Finds what a script says for each image."""

    sha256 = "0" * 64

    def __init__(self, script: dict[str, Sequence[Found]], labels: Sequence[str] = ("cup", "spoon"), **card: object):
        self.card = ModelCard("stub", "detection", Preprocessing(8, 8), tuple(labels), **card)  # type: ignore[arg-type]
        self.script = script

    def predict(self, image: Frame, top: int = 5, threshold: float | None = None) -> Prediction:
        assert threshold is not None and threshold <= 0.01  # or the curves would end early
        found = [
            Detection(self.card.labels.index(label), label, score, box)
            for label, score, box in self.script.get(image.source.rpartition("/")[2], ())
        ]
        return Prediction("detection", objects=tuple(sorted(found, key=lambda one: -one.score)))


def truth(score: float = 0.9) -> dict[str, Sequence[Found]]:
    """Return a script that finds exactly the objects of the scenes."""
    return {scene.name: [(label, score, box) for label, box in scene.boxes] for scene in SCENES}


def subject(detector: Detector, path: str = "model.tflite") -> DetectorSubject:
    return DetectorSubject(detector, ModelFacts(path, detector.sha256, "tflite", "int8", 1000, "cpu"))


def pictures(root: Path, scenes: Sequence[Scene] = SCENES, **fields: object) -> BoxPictures:
    data = open_boxes(write_voc(root, scenes))
    return BoxPictures(data, data.images, **fields)  # type: ignore[arg-type]


def measured(root: Path, script: dict[str, Sequence[Found]], **card: object) -> DetectorEvaluation:
    done = evaluate_detectors(subject(ScriptedDetector(script, **card)), pictures(root))  # type: ignore[arg-type]
    valid(done.to_json(), "evaluate")
    return done


def test_perfect_detector_has_full_precision_and_no_errors(tmp_path: Path) -> None:
    done = measured(tmp_path, truth())
    assert (done.measures.map50.value, done.measures.map50_95.value) == (1.0, 1.0)
    assert done.measures.errors.every == ()
    record = done.to_json()
    assert (record["objects"], record["data"]["pictures"], record["errors"]["correct"]) == (3, 3, 3)
    assert [(one["name"], one["objects"], one["ap50"]) for one in record["per_class"]] == [
        ("cup", 2, 1.0),
        ("spoon", 1, 1.0),
    ]
    assert record["threshold"]["suggested"] == pytest.approx(0.9)
    assert record["threshold"]["used"] == 0.5 and record["threshold"]["used_from"] == "default"


def test_objects_count_from_the_threshold_of_the_model_but_precision_does_not_depend_on_it(tmp_path: Path) -> None:
    done = measured(tmp_path, truth(0.3), threshold=0.4)
    assert done.measures.map50.value == 1.0
    assert done.measures.errors.counts()["missed"] == 3
    assert done.measures.operating is not None and done.measures.operating.recall == 0.0
    assert done.measures.operating.precision is None
    assert measured(tmp_path / "low", truth(0.3), threshold=0.2).measures.errors.correct == 3


def test_labels_of_the_data_are_matched_by_name_and_by_label_map(tmp_path: Path) -> None:
    """A detector with other numbers and more classes: what it finds besides the labels of the data is not measured."""
    renamed = {"cup": "mug", "spoon": "spoon"}
    script = {name: [(renamed[label], s, b) for label, s, b in found] for name, found in truth().items()}
    script["empty.jpg"] = [("dog", 0.9, (1.0, 1.0, 30.0, 30.0))]
    model = subject(ScriptedDetector(script, labels=("dog", "spoon", "mug")))
    done = evaluate_detectors(model, pictures(tmp_path, names={"cup": "mug"}))
    assert [(one["index"], one["name"], one["ap50"]) for one in done.to_json()["per_class"]] == [
        (2, "mug", 1.0),
        (1, "spoon", 1.0),
    ]
    assert done.measures.errors.every == ()
    part = evaluate_detectors(model, pictures(tmp_path / "again"))
    assert [one.name for one in part.measures.metrics.per_class] == ["spoon"]
    assert any("not measured: 2 boxes" in note and "cup (2)" in note for note in part.notes)


def test_data_without_a_label_of_the_model_is_refused(tmp_path: Path) -> None:
    model = subject(ScriptedDetector({}, labels=("dog", "bird")))
    with pytest.raises(
        BadInput, match=r"the data has cup, spoon; model.tflite has dog, bird; map names with --label-map"
    ):
        evaluate_detectors(model, pictures(tmp_path))


def test_model_without_labels_takes_those_of_the_data(tmp_path: Path) -> None:
    detector = ScriptedDetector(truth())
    script, labels = detector.script, detector.card.labels
    detector.card = replace(detector.card, labels=())
    detector.predict = lambda image, top=5, threshold=None: Prediction(  # type: ignore[method-assign]
        "detection",
        objects=tuple(
            Detection(labels.index(label), "?", score, box)
            for label, score, box in script[image.source.rpartition("/")[2]]
        ),
    )
    done = evaluate_detectors(subject(detector), pictures(tmp_path))
    assert done.measures.map50.value == 1.0
    assert any("has no labels" in note for note in done.notes)


def test_two_detectors_are_compared_by_matched_boxes(tmp_path: Path) -> None:
    """The other detector numbers its classes the other way round, misses one object and invents none."""
    script = truth()
    lost = {**script, "b.jpg": [("cup", 0.3, (0.0, 0.0, 64.0, 96.0))]}  # below its threshold
    other = subject(ScriptedDetector(lost, labels=("spoon", "cup")), "other.tflite")
    done = evaluate_detectors(subject(ScriptedDetector(script)), pictures(tmp_path), other=other)
    assert done.comparison is not None and done.other_measures is not None
    record = valid(done.to_json(), "evaluate")["compare"]
    assert (record["agreement"]["same"], record["agreement"]["total"]) == (4, 5)
    assert record["agreement"]["value"] == pytest.approx(0.8)
    assert record["map50_change_points"]["value"] == 0.0  # average precision knows no threshold
    assert record["errors"]["missed"] == 1
    assert [one["index"] for one in record["per_class"]] == [1, 0]
    worse = subject(ScriptedDetector({**script, "b.jpg": []}), "worse.tflite")
    change = evaluate_detectors(subject(ScriptedDetector(script)), pictures(tmp_path / "p"), other=worse).to_json()[
        "compare"
    ]
    low, value, high = (change["map50_change_points"][key] for key in ("low", "value", "high"))
    assert value == pytest.approx(100 * (51 / 101 - 1) / 2) and low <= value <= high <= 0
    assert "same boxes" in page(done) and "other model" in page(done)


def test_detector_is_not_compared_with_a_classifier(tmp_path: Path) -> None:
    other = ScriptedDetector({})
    other.card = replace(other.card, task="classification")
    with pytest.raises(BadModel, match=r"other.tflite is a classification model, but .* has boxes; give a detector"):
        evaluate_detectors(subject(ScriptedDetector({})), pictures(tmp_path), other=subject(other, "other.tflite"))


def test_images_of_the_training_are_counted_apart(tmp_path: Path) -> None:
    given = pictures(tmp_path)
    digests = {image.path: hashlib.sha256(image.data()).hexdigest() for image in given.images}
    images = card_entry([digests["JPEGImages/a.jpg"]], [])
    known = ScriptedDetector({**truth(), "a.jpg": []}, training={"data": {"images": images}})
    done = evaluate_detectors(subject(known), given)
    record = valid(done.to_json(), "evaluate")
    assert (record["data"]["pictures"], record["map50"]["value"]) == (2, 1.0)
    assert record["data"]["trained_on"] == {"train": 1, "val": 0, "counted_apart": True, "map50": 0.0}
    every = ScriptedDetector(truth(), training={"data": {"images": card_entry(digests.values(), [])}})
    memorized = evaluate_detectors(subject(every), given)
    assert memorized.trained_on is not None and not memorized.trained_on.counted_apart
    assert "not tested" in result_line(memorized) and "not tested" in page(memorized)
    assert "Suggested threshold" not in page(memorized)


def test_objects_found_on_negatives_are_false_positives(tmp_path: Path) -> None:
    for scene in (Scene("n1.jpg", 40, 40, ()), Scene("n2.jpg", 40, 40, ())):
        write_voc(tmp_path / "negatives", [scene])
    negatives, _ = read_unlabelled(tmp_path / "negatives" / "JPEGImages")
    script = {**truth(), "n1.jpg": [("cup", 0.6, (0.0, 0.0, 9.0, 9.0))], "n2.jpg": [("cup", 0.2, (0.0, 0.0, 9.0, 9.0))]}
    done = evaluate_detectors(subject(ScriptedDetector(script)), pictures(tmp_path / "p", negatives=negatives))
    alarms = valid(done.to_json(), "evaluate")["false_alarms"]
    assert (alarms["alarms"], alarms["pictures"], alarms["threshold_from"]) == (1, 2, "default")
    assert done.measures.map50.value == 1.0  # negatives are in no other figure


def test_unreadable_image_is_skipped_and_listed(tmp_path: Path) -> None:
    given = pictures(tmp_path)
    put(tmp_path / "JPEGImages" / "b.jpg", (tmp_path / "JPEGImages" / "b.jpg").read_bytes()[:300])
    done = evaluate_detectors(subject(ScriptedDetector(truth())), given)
    assert len(done.images) == 2 and [one.path for one in done.skipped] == ["JPEGImages/b.jpg"]


def test_page_shows_each_kind_of_error_as_an_image(tmp_path: Path) -> None:
    script: dict[str, Sequence[Found]] = {
        "a.jpg": [("spoon", 0.8, (10.0, 20.0, 50.0, 60.0)), ("spoon", 0.7, (60.0, 5.0, 80.0, 30.0))],
        "empty.jpg": [("cup", 0.9, (5.0, 5.0, 40.0, 40.0))],
    }
    text = page(measured(tmp_path, script))
    for title in ("Missed: 1", "Invented: 1", "Badly placed: 1", "Confused: 1"):
        assert f"<h2>{title}</h2>" in text
    assert text.count("data:image/jpeg") == 4
    assert "predicted spoon 80 %" in text
    assert not re.search(r"https?://", text.replace("http://www.w3.org", ""))  # one self-contained file


def test_command_evaluates_a_real_detector(shared: Path, tmp_path: Path) -> None:
    """The SSD of COCO takes raccoons for cats; test_metrics compares the computation with pycocotools."""
    names = put(tmp_path / "names.csv", "raccoon,cat\n")
    model, photos = shared / "models" / SSD, shared / "data" / "detection" / "raccoon"
    given = ["evaluate", model, photos, "--label-map", names, "--limit", RACCOONS]
    record = parse(edgevision(*given, "--compare", model, "--json", cwd=tmp_path).stdout, "evaluate")
    assert record["task"] == "detection" and record["data"]["pictures"] == RACCOONS
    assert record["map50"]["low"] < record["map50"]["value"] < record["map50"]["high"]
    assert 0.3 < record["map50"]["value"] < 0.8  # it was never trained on raccoons
    assert record["compare"]["agreement"]["value"] == 1.0
    assert set(record["compare"]["map50_change_points"].values()) == {0.0}
    folder = tmp_path / "runs" / "evaluate-1"
    assert json.loads((folder / "metrics.json").read_text()) == record
    assert json.loads((folder / "run.json").read_text())["outputs"] == ["metrics.json", "evaluate.html"]
    shown = edgevision(*given, cwd=tmp_path).stdout
    assert "mAP50" in shown and "badly placed" in shown and "next: edgevision run" in shown


@pytest.mark.parametrize(
    ("photos", "message"),
    [("classes", "has no annotations of boxes"), ("boxes", r"no label of .* is one of the model")],
)
def test_command_refuses_unsuitable_photos_in_one_line(shared: Path, tmp_path: Path, photos: str, message: str) -> None:
    write_voc(tmp_path / "boxes", [Scene("a.jpg", 40, 40, (("gadget", (1.0, 1.0, 20.0, 20.0)),))])
    put(tmp_path / "classes" / "cup" / "a.jpg", (tmp_path / "boxes" / "JPEGImages" / "a.jpg").read_bytes())
    done = edgevision("evaluate", shared / "models" / SSD, photos, cwd=tmp_path)
    assert done.returncode == 1 and len(done.stderr.strip().splitlines()) == 1
    assert re.search(message, done.stderr)
    assert not (tmp_path / "runs").exists()


def test_drawn_boxes_are_inside_the_shown_part() -> None:
    from edgevision.evaluation.detection.error_images import PREDICTED, SIDE, TRUE, draw
    from edgevision.evaluation.detection.errors import DetectionError

    gray = Frame(np.full((400, 1000, 3), 128, np.uint8), "RGB")
    error = DetectionError("localisation", 0, 0.9, 0, (900.0, 300.0, 1000.0, 400.0), 0, (880.0, 320.0, 940.0, 400.0))
    shown = draw(gray, error)
    assert max(shown.pixels.shape[:2]) == SIDE
    for color in (TRUE, PREDICTED):
        assert (shown.pixels == color).all(axis=2).sum() > 50
