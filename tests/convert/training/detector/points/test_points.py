"""Training of points: the network, its loss, the run folder, and errors."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from documents import parse
from edgevision.convert import DetectorResult, TrainSettings

from edgevision import PointEvaluation, evaluate
from edgevision.errors import BadInput

pytestmark = pytest.mark.tensorflow
CLASSES = ("apple", "mug")
SIDE, CELL = 64, 8
TINY = TrainSettings(
    head="points", backbone="mobilenet", weights="none", alpha=0.25, image_size=SIDE, epochs=2, batch_size=8
)


def opened(backbone: str, alpha: float, cell: int = CELL) -> Any:
    from edgevision.convert.training.detector.points.network import open_points
    from edgevision.convert.training.network.backbones import BackboneSpec

    return open_points(BackboneSpec(backbone, SIDE, alpha), CLASSES, "none", cell)


@pytest.mark.parametrize(
    ("backbone", "alpha", "cell"), [("mobilenet_v2", 0.35, 8), ("mobilenet", 0.25, 4), ("efficientnet_lite0", 1.0, 16)]
)
def test_network_has_scores_of_all_cells_and_ends_early(backbone: str, alpha: float, cell: int) -> None:
    network = opened(backbone, alpha, cell)
    scores = np.asarray(network.deployed(np.zeros((2, SIDE, SIDE, 3), np.float32)))
    assert scores.shape == (2, SIDE // cell, SIDE // cell, 1 + len(CLASSES))
    assert scores.sum(axis=-1) == pytest.approx(1.0) and scores[..., 1:].max() < 0.1  # background before training
    assert min(layer.output.shape[1] for layer in network.deployed.layers[1:]) >= SIDE // cell


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"cell_size": 12}, "--cell-size must be one of 4, 8, 16, 32, got 12"),
        ({"head": None, "cell_size": 8}, "--cell-size is for --head points"),
        ({"backbone": "cnn"}, "only for classifiers"),
        ({"resize": "crop"}, "--resize crop cuts off objects"),
    ],
)
def test_unsuitable_setting_is_refused(photos: Path, tmp_path: Path, change: dict[str, Any], reason: str) -> None:
    with pytest.raises(BadInput, match=reason):
        run(photos, tmp_path / "runs", replace(TINY, **change))
    assert not (tmp_path / "runs").exists()


def test_photos_without_boxes_are_refused(tmp_path: Path) -> None:
    (tmp_path / "photos" / "cup").mkdir(parents=True)
    with pytest.raises(BadInput, match=r"--head points needs photos with boxes, but .*photos has none that are known"):
        run(tmp_path / "photos", tmp_path / "runs")


def loss(scores: np.ndarray, boxes: Any, classes: Any) -> float:
    """Return the loss of scores (rows, columns, 1 + classes) of one image."""
    from edgevision.convert.training.detector.points.loss import points_loss

    logits = np.log(np.clip(scores, 1e-7, 1.0))[np.newaxis].astype(np.float32)
    truth = np.asarray([boxes], np.float32).reshape(1, -1, 4), np.asarray([classes], np.int32)
    return float(points_loss(logits, *truth, CELL))


def sure(found: dict[tuple[int, int], int], rows: int = 8) -> np.ndarray:
    """Return certain scores: class by row and column, background elsewhere."""
    scores = np.full((rows, rows, 1 + len(CLASSES)), 0.005)
    scores[..., 0] = 0.99
    for (row, column), label in found.items():
        scores[row, column] = 0.005
        scores[row, column, 1 + label] = 0.99
    return scores


def test_loss_is_lowest_for_the_class_at_the_center() -> None:
    box, label = [[18.0, 34.0, 28.0, 44.0]], [1]  # its center 23, 39 is in row 4, column 2
    right = loss(sure({(4, 2): 1}), box, label)
    assert right < 0.01
    assert right < loss(sure({(5, 2): 1, (4, 2): 1}), box, label) < loss(sure({(0, 7): 1, (4, 2): 1}), box, label)
    assert min(loss(sure({}), box, label), loss(sure({(4, 2): 0}), box, label)) > 1.0


def test_loss_ignores_padding_and_objects_that_count_neither_way() -> None:
    from edgevision.convert.training.detector.examples import IGNORED, PADDING

    box, other = [18.0, 34.0, 28.0, 44.0], [48.0, 0.0, 64.0, 16.0]
    found = sure({(4, 2): 1, (0, 6): 0, (1, 7): 0})
    assert loss(found, [box, other], [1, IGNORED]) < 0.01 < loss(found, [box, other], [1, PADDING])
    assert loss(sure({(4, 2): 1}), [box, [0.0] * 4], [1, PADDING]) == pytest.approx(loss(sure({(4, 2): 1}), [box], [1]))


def test_points_of_the_training_are_those_of_the_device() -> None:
    from edgevision.convert.training.detector.points.predict import point_boxes

    from edgevision.model_file.card import ModelCard
    from edgevision.postprocessing.points import PointsDecoder
    from edgevision.preprocessing.spec import Preprocessing
    from edgevision.tflite.outputs import OutputFacts
    from edgevision.types import TensorSpec

    scores = np.random.default_rng(3).dirichlet([1, 0.4, 0.4], (8, 8)).astype(np.float32)
    found = point_boxes(scores, CELL)
    card = ModelCard("m", "points", Preprocessing(SIDE, SIDE, resize="stretch"), CLASSES, "softmax")
    decoder = PointsDecoder(card, [TensorSpec("cells", (1, 8, 8, 3), "float32")], OutputFacts())
    points = decoder.decode([scores[np.newaxis]], (SIDE, SIDE), 5, 0.01).points
    assert len(points) == len(found.boxes) > 3
    places = [(point.x, point.y, point.score, point.index) for point in points]
    centers = (found.boxes[:, :2] + found.boxes[:, 2:]) / 2
    np.testing.assert_allclose(places, np.column_stack([centers, found.scores, found.classes]), atol=2e-3)


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of drawn scenes of small objects with boxes."""
    from edgevision.convert.synthetic.box_sets import draw_box_set
    from edgevision.convert.synthetic.boxed_scene import MANY_SMALL

    folder = tmp_path_factory.mktemp("boxes")
    draw_box_set(folder, CLASSES, 24, seed=5, width=96, crowd=replace(MANY_SMALL, radii=(0.05, 0.08)))
    return folder


def run(photos: Path, runs: Path, settings: TrainSettings = TINY) -> DetectorResult:
    """Run one training."""
    from edgevision.convert.training.monitor.observer import TrainingObserver
    from edgevision.convert.training.run import TrainRequest, train

    found = train(TrainRequest(photos, settings, runs), TrainingObserver())
    assert isinstance(found, DetectorResult)
    return found


def test_run_folder_is_that_of_a_detector_with_measures_of_points(photos: Path, tmp_path: Path) -> None:
    done = run(photos, tmp_path)
    names = {path.name for path in done.folder.iterdir()}
    assert names >= {
        "model.keras",
        "metrics.json",
        "report.html",
        "curves.png",
        "samples.png",
        "config.toml",
        "split.csv",
    }
    with (done.folder / "history.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert {row["phase"] for row in rows} == {"points"} and all(0 <= float(row["val_f1"]) <= 1 for row in rows)
    assert 'head = "points"' in (done.folder / "config.toml").read_text()
    document = parse(json.dumps(done.to_json()), "train")
    assert document["metrics"]["task"] == "points" and "map50" not in document["metrics"]
    assert "mAP50" not in (done.folder / "report.html").read_text()
    again = evaluate(done.model, photos)
    assert isinstance(again, PointEvaluation) and done.evaluation is not None
    assert again.measures.to_json((0, 1), CLASSES, ["?"] * 99) == done.evaluation.measures.to_json(
        (0, 1), CLASSES, ["?"] * 99
    )


@pytest.mark.slow
def test_points_learn_to_count_and_fit_a_microcontroller(tmp_path: Path) -> None:
    from edgevision.convert import ConvertOptions, convert
    from edgevision.convert.synthetic.box_sets import draw_box_set
    from edgevision.convert.synthetic.boxed_scene import Crowd

    draw_box_set(tmp_path / "photos", CLASSES, 240, seed=9, width=128, crowd=Crowd(10, (0.06, 0.1)))
    settings = TrainSettings(head="points", backbone="mobilenet_v2", weights="starter", image_size=96, epochs=30)
    done = run(tmp_path / "photos", tmp_path / "runs", settings)
    assert isinstance(done.evaluation, PointEvaluation)
    assert (done.evaluation.measures.f1.value or 0.0) > 0.8
    made = convert(ConvertOptions(done.model, tmp_path / "photos", output=tmp_path / "m.tflite"))
    assert made.file_bytes < 100_000 and made.graph.all_int8
