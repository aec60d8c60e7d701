"""Training of a detector end to end on drawn scenes: the run folder, resuming, and errors."""

from __future__ import annotations

import csv
import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from box_scenes import Scene, put
from box_writers import coco_json
from documents import parse
from edgevision.convert import DetectorResult, TrainSettings

from edgevision.datasets.boxes.open_boxes import open_boxes
from edgevision.errors import BadInput

pytestmark = pytest.mark.tensorflow
CLASSES = ("apple", "mug")
TINY = TrainSettings(backbone="mobilenet", weights="none", alpha=0.25, image_size=64, epochs=2, batch_size=8)


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of drawn scenes with boxes."""
    from edgevision.convert.synthetic.box_sets import draw_box_set

    folder = tmp_path_factory.mktemp("boxes")
    draw_box_set(folder, CLASSES, 24, seed=5, width=96)
    return folder


def run(photos: Path, runs: Path, settings: TrainSettings = TINY, watcher: Any = None, **more: Any) -> DetectorResult:
    """Run one training."""
    from edgevision.convert.training.monitor.observer import TrainingObserver
    from edgevision.convert.training.run import TrainRequest, train

    found = train(TrainRequest(photos, settings, runs, **more), watcher or TrainingObserver())
    assert isinstance(found, DetectorResult)
    return found


@pytest.fixture(scope="module")
def trained(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> DetectorResult:
    return run(photos, tmp_path_factory.mktemp("runs"))


def test_run_folder_has_all_files(trained: DetectorResult) -> None:
    names = {path.name for path in trained.folder.iterdir()}
    assert names >= {
        "model.keras",
        "labels.txt",
        "metrics.json",
        "report.html",
        "curves.png",
        "samples.png",
    }
    assert names >= {"config.toml", "history.csv", "split.csv", "data.json", "run.json"}
    assert "checkpoint.npz" not in names
    assert set(json.loads((trained.folder / "run.json").read_text())["outputs"]) == names - {"run.json"}


def test_history_lists_every_epoch(trained: DetectorResult) -> None:
    with (trained.folder / "history.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == ["1", "2"]
    assert {row["phase"] for row in rows} == {"detector"}
    assert all(float(row["loss"]) > 0 and 0 <= float(row["val_map50"]) <= 1 for row in rows)


def test_result_follows_its_schema(trained: DetectorResult) -> None:
    found = parse(json.dumps(trained.to_json()), "train")
    counts = trained.learning.counts()
    assert found["pictures"] == counts
    assert found["metrics"]["data"]["pictures"] == counts["test"]
    assert {one["name"] for one in found["metrics"]["per_class"]} == set(CLASSES)
    assert json.loads((trained.folder / "metrics.json").read_text()) == found["metrics"]


def test_evaluation_of_the_saved_file_gives_the_same_measures(trained: DetectorResult) -> None:
    from edgevision.evaluation.detection.detectors import Detector, DetectorSubject
    from edgevision.evaluation.detection.evaluate import evaluate_detectors
    from edgevision.evaluation.scorers import facts, open_evaluated

    assert trained.evaluation is not None
    model = open_evaluated(trained.model)
    assert isinstance(model, Detector)
    again = evaluate_detectors(DetectorSubject(model, facts(trained.model, model)), trained.evaluation.pictures)
    assert again.measures.map50 == trained.evaluation.measures.map50
    assert again.subject.facts == trained.evaluation.subject.facts


def test_model_file_says_how_it_is_used(trained: DetectorResult) -> None:
    from edgevision.convert.keras_files.detector_cells import CellGrid, grid_from_json
    from edgevision.convert.keras_files.scan import scan

    card = scan(trained.model).card
    assert card is not None
    assert (card.task, card.labels, card.preprocessing.resize) == ("detection", tuple(sorted(CLASSES)), "stretch")
    assert card.training is not None
    assert grid_from_json(card.training["cells"], 64) == CellGrid(64)


def test_saved_network_opens_as_a_detector(trained: DetectorResult) -> None:
    from edgevision.convert.keras_files.scan import scan
    from edgevision.convert.source_model.preprocessing_options import PreprocessingOptions
    from edgevision.convert.source_model.source_model import open_network

    network = open_network(scan(trained.model), "mine", PreprocessingOptions(), None)
    assert network.grid is not None
    assert network.card.task == "detection"
    assert network.outputs == len(CLASSES)


@pytest.mark.slow
def test_interrupted_training_resumes_where_it_was(photos: Path, trained: DetectorResult, tmp_path: Path) -> None:
    from edgevision.convert.training.monitor.observer import TrainingObserver
    from edgevision.convert.training.run import resumed

    class Interrupting(TrainingObserver):
        def end(self, row: Any, kept: bool) -> None:
            if row.epoch == 2:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(photos, tmp_path, watcher=Interrupting())
    (folder,) = tmp_path.iterdir()
    known, settings = resumed(folder)
    done = run(known, tmp_path, settings, resume=folder)
    for ours, whole in zip(done.history, trained.history, strict=True):
        assert replace(ours, seconds=0.0) == replace(whole, seconds=0.0)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"resize": "crop"}, "--resize crop cuts off objects"),
        ({"rotation": 10.0}, "--rotation does not move boxes along"),
        ({"time_s": 60.0}, "--time is for classifiers"),
        ({"quality": "best"}, "--quality best is for classifiers"),
        ({"backbone": "cnn"}, "only for classifiers"),
        ({"image_size": 100}, "image size 100 is invalid"),
    ],
)
def test_unsuitable_setting_is_refused(photos: Path, tmp_path: Path, change: dict[str, Any], reason: str) -> None:
    with pytest.raises(BadInput, match=reason):
        run(photos, tmp_path / "runs", replace(TINY, **change))
    assert not (tmp_path / "runs").exists()


def test_photos_whose_annotations_have_no_box_are_refused(photos: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    shutil.copytree(photos, empty)
    for path in empty.glob("*.xml"):
        text = path.read_text()
        path.write_text(text[: text.index("<object>")] + "</annotation>" if "<object>" in text else text)
    with pytest.raises(BadInput, match="no boxes"):
        run(empty, tmp_path / "runs")


@pytest.mark.slow
def test_label_without_boxes_does_not_prevent_training(photos: Path, tmp_path: Path) -> None:
    """Exports list all labels of a project, also those that nobody has drawn yet."""
    data = open_boxes(photos)
    boxes = tuple((one.path, [(data.labels[box.label], box.box) for box in one.boxes]) for one in data.images)
    scenes = [Scene(name, 96, 72, tuple(found)) for name, found in boxes]
    put(tmp_path / "coco.json", coco_json(scenes, ["zebra", *data.labels]))
    for one in data.images:
        shutil.copy(photos / one.path, tmp_path)
    done = run(tmp_path, tmp_path / "runs", replace(TINY, epochs=1))
    assert done.evaluation is not None
    document = json.loads((done.folder / "metrics.json").read_text())
    assert {one["name"]: one["objects"] for one in document["per_class"]}["zebra"] == 0
    record = parse((done.folder / "data.json").read_text(), "data_check")
    assert "no boxes of zebra" in record["warnings"] and record["boxes"]["total"] == sum(data.counts().values())


@pytest.mark.slow
def test_detector_learns_drawn_objects(tmp_path: Path) -> None:
    from edgevision.convert.synthetic.box_sets import draw_box_set

    photos = tmp_path / "photos"
    draw_box_set(photos, CLASSES, 160, seed=9, width=192)
    done = run(photos, tmp_path / "runs", TrainSettings(weights="starter", image_size=128, epochs=30))
    assert done.evaluation is not None
    assert done.evaluation.measures.map50.value is not None
    assert done.evaluation.measures.map50.value > 0.7
    losses = [row.loss for row in done.history]
    assert np.mean(losses[-5:]) < 0.6 * losses[0]
