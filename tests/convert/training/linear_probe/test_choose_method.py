"""When a linear head is chosen."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from edgevision.convert.training.config.settings import TrainSettings
from edgevision.convert.training.linear_probe.choose_method import (
    FEW_PER_CLASS,
    GRADIENT,
    LINEAR,
    choose_method,
    too_few,
)

from edgevision.datasets.dataset import Dataset, Item
from edgevision.errors import BadInput

STARTER = TrainSettings(weights="starter", backbone="mobilenet_v2")


def photos(count: int, test: int = 0, classes: int = 2) -> Dataset:
    """Return a set of ``count`` photos to learn from and ``test`` held-out ones per class."""
    source: Any = None
    names = tuple(f"class{number}" for number in range(classes))
    items = [
        Item(f"{name}/{number}.jpg", (name,), "test" if number < test else "train" if test else None, source)
        for name in names
        for number in range(count + test)
    ]
    return Dataset(Path("photos"), "class folders", tuple(items), names, False)


def test_few_photos_per_class_get_a_linear_head_with_the_reason() -> None:
    said: list[str] = []
    assert choose_method(STARTER, photos(FEW_PER_CLASS, classes=30), said.append) == LINEAR
    assert len(said) == 1 and f"{FEW_PER_CLASS} photos per class" in said[0] and "--head-method gradient" in said[0]
    assert choose_method(STARTER, photos(FEW_PER_CLASS + 1, classes=30), said.append) == GRADIENT
    assert len(said) == 1


def test_a_linear_head_where_validation_could_not_judge_fine_tuning() -> None:
    said: list[str] = []
    assert choose_method(STARTER, photos(199), said.append) == LINEAR
    assert "39 validation images" in said[0] and "40 are needed" in said[0]
    assert choose_method(STARTER, photos(200), pytest.fail) == GRADIENT
    assert choose_method(TrainSettings(weights="imagenet"), photos(199), pytest.fail) == GRADIENT


def test_rare_classes_count_in_what_validation_can_judge() -> None:
    said: list[str] = []
    few = photos(80).items[80:]
    imbalanced = replace(photos(800), items=photos(800).items[:800] + few)
    assert choose_method(STARTER, imbalanced, said.append) == LINEAR
    assert "88 validation images, no more than 29 of balanced classes, could not show" in said[0]
    ten = photos(500, classes=10)
    one_rare = replace(ten, items=ten.items[:4530])
    assert choose_method(STARTER, one_rare, pytest.fail) == GRADIENT


def test_held_out_photos_do_not_count() -> None:
    assert "7 photos per class" in str(too_few(photos(7, test=1000), "imagenet"))
    assert "10 validation images" in str(too_few(photos(50, test=1000), "starter"))


@pytest.mark.parametrize("change", [{"quality": "best"}, {"quality": "fast"}, {"time_s": 3600.0}])
def test_more_time_does_not_mean_gradient(change: dict[str, Any]) -> None:
    said: list[str] = []
    assert choose_method(replace(STARTER, **change), photos(199), said.append) == LINEAR
    assert ("no settings are compared" in said[0]) == (change.get("quality") == "best")
    assert choose_method(replace(STARTER, **change), photos(200), pytest.fail) == GRADIENT


@pytest.mark.parametrize(
    "change",
    [
        {"epochs": 3},
        {"head_epochs": 0},
        {"fine_tune_blocks": 2},
        {"features": "live"},
        {"weights": "none"},
        {"backbone": "cnn"},
    ],
)
def test_settings_of_epochs_and_random_weights_mean_gradient(change: dict[str, Any]) -> None:
    assert choose_method(replace(STARTER, **change), photos(5), pytest.fail) == GRADIENT


def test_teacher_means_gradient_and_does_not_go_with_a_linear_head() -> None:
    taught = replace(STARTER, teacher="model.keras")
    assert choose_method(taught, photos(5), pytest.fail) == GRADIENT
    with pytest.raises(BadInput, match=r"--teacher model.keras teaches the whole network; leave out one of them"):
        choose_method(replace(taught, head_method=LINEAR), photos(5), pytest.fail)


def test_given_method_is_kept() -> None:
    for method, count in ((LINEAR, 500), (GRADIENT, 5)):
        assert choose_method(replace(STARTER, head_method=method), photos(count), pytest.fail) == method


def test_linear_head_on_random_weights_is_refused() -> None:
    for change in ({"weights": "none"}, {"backbone": "cnn"}):
        with pytest.raises(BadInput, match=r"--head-method linear needs a pretrained network"):
            choose_method(replace(STARTER, head_method=LINEAR, **change), photos(5), pytest.fail)
