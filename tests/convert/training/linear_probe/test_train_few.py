"""Training with a linear head, end to end."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from documents import parse

pytest.importorskip("sklearn")
pytestmark = pytest.mark.tensorflow

import edgevision.convert
from edgevision.convert import TrainSettings

from edgevision.errors import BadInput

COUNT = 16


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return photos of two classes that differ in color; one has a copy."""
    folder, random = tmp_path_factory.mktemp("photos"), np.random.default_rng(0)
    for name, color in (("blue", (200, 60, 30)), ("red", (30, 40, 210))):
        (folder / name).mkdir()
        for number in range(COUNT):
            canvas = random.integers(60, 190, (48, 48, 3), np.uint8)
            cv2.circle(canvas, (int(random.integers(14, 34)), 24), 13, color, -1)
            cv2.imwrite(str(folder / name / f"{number}.png"), canvas)
    (folder / "red" / "copy.png").write_bytes((folder / "red" / "0.png").read_bytes())
    return folder


@pytest.fixture(scope="module")
def trained(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Return a training that chose the linear head by itself."""
    settings = TrainSettings(weights="starter", backbone="mobilenet_v2", image_size=64)
    return edgevision.convert.train(photos, settings, runs=tmp_path_factory.mktemp("runs"))


def test_few_photos_are_all_learned_from_and_cross_validated(trained: Any) -> None:
    with (trained.folder / "split.csv").open() as stream:
        assert {row["split"] for row in csv.DictReader(stream)} == {"train"}
    metrics = parse((trained.folder / "metrics.json").read_text(), "evaluate")
    assert metrics["data"]["split"] == "cross-validation"
    assert metrics["data"]["pictures"] == 2 * COUNT + 1
    assert metrics["accuracy"]["value"] > 0.9
    assert trained.settings.head_method == "linear" and not trained.history


def test_card_says_how_the_head_was_made_and_holds_the_threshold(trained: Any) -> None:
    from edgevision.convert.keras_files.scan import scan

    card = scan(trained.model).card
    assert card is not None and card.training is not None
    document = parse(card.dumps(), "card")["training"]
    assert document["head"]["photos"] == 2 * COUNT + 1 and document["head"]["folds"] == 10
    assert document["threshold"]["parts"] == ["cross-validation"] and card.threshold == trained.threshold.value
    assert parse(json.dumps(trained.to_json()), "train")["head"] == document["head"]


def test_result_says_what_more_photos_would_bring(trained: Any) -> None:
    curve = parse(json.dumps(trained.to_json()), "train")["learning_curve"]
    assert [point["photos"] for point in curve["predicted"]] == [4 * COUNT + 2, 8 * COUNT + 4]
    assert (trained.folder / "learning_curve.png").read_bytes()[:4] == b"\x89PNG"
    assert "What more photos would bring" in (trained.folder / "report.html").read_text()


def test_report_says_what_the_figure_was_measured_on(trained: Any) -> None:
    page = (trained.folder / "report.html").read_text()
    assert "cross-validated: each scored by a head fitted without it" in page
    assert "linear head fitted on 33 photos" in page and "test images" not in page


def test_saved_network_gives_the_answers_of_the_head(trained: Any, photos: Path) -> None:
    from edgevision.evaluation.scorers import open_scorer
    from edgevision.preprocessing.decode import decode

    scorer = open_scorer(trained.model)
    for name, expected in (("blue", 0), ("red", 1)):
        frames = [decode((photos / name / f"{n}.png").read_bytes(), "x") for n in range(4)]
        assert (scorer.scores_batch(frames).argmax(axis=1) == expected).all()


def test_linear_head_without_pretrained_weights_is_one_line(photos: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="leave out --weights none"):
        edgevision.convert.train(photos, TrainSettings(weights="none", head_method="linear"), runs=tmp_path)
    assert not list(tmp_path.iterdir())


def test_negatives_set_the_threshold_and_others_measure_it(
    photos: Path, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """They are told from the photos by a head that learned to be unsure of some of them; evaluate leaves these out."""
    from edgevision.evaluation.options import EvaluateOptions
    from edgevision.evaluation.request import prepare
    from edgevision.evaluation.request import run as evaluate

    negatives, random = tmp_path_factory.mktemp("street"), np.random.default_rng(1)
    for number in range(48):
        cv2.imwrite(str(negatives / f"{number}.png"), random.integers(60, 190, (48, 48, 3), np.uint8))
    settings = TrainSettings(
        weights="starter", backbone="mobilenet_v2", image_size=64, negatives=str(negatives), false_alarms=0.1
    )
    done: Any = edgevision.convert.train(photos, settings, runs=tmp_path / "runs")
    told = parse(json.dumps(done.to_json()), "train")["threshold"]["negatives"]
    assert told["source"] == negatives.name and told["auroc"] > 0.9
    assert done.linear.negatives + told["chosen_on"] + told["negatives"] == 48
    assert "No negative shown here chose the threshold" in (done.folder / "report.html").read_text()
    request = EvaluateOptions(done.model, photos, runs=tmp_path, split="all", negatives=negatives)
    evaluated, _ = evaluate(request, prepare(request))
    alarms = evaluated.to_json()["false_alarms"]
    assert (alarms["alarms"], alarms["pictures"], alarms["threshold_from"]) == (
        told["alarms"],
        told["negatives"],
        "card",
    )
    assert any("negatives: the model was made with them" in note for note in evaluated.notes)
