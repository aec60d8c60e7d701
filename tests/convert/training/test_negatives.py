"""Negatives of a training: their parts, the threshold for a wanted rate of false alarms, and the share as users write it."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from edgevision.convert.training.config import share
from edgevision.convert.training.config.settings import TrainSettings
from edgevision.convert.training.fit.plan import check_settings
from edgevision.convert.training.monitor.observer import TrainingObserver
from edgevision.convert.training.negatives.negative_sets import DRAWN, MIN_NEGATIVES, open_negatives
from edgevision.convert.training.negatives.rejection import rejection, threshold_for
from hypothesis import given
from hypothesis import strategies as st

from edgevision.datasets.dataset import open_dataset
from edgevision.errors import BadInput, MissingFile

UNIT = st.floats(0, 1, width=32)


@given(st.lists(UNIT, min_size=1, max_size=300), st.floats(0.001, 0.5))
def test_threshold_keeps_the_wanted_rate_and_is_the_lowest(scores: list[float], wanted: float) -> None:
    found = np.array(scores, np.float32)
    threshold = threshold_for(found, wanted)
    reached = np.count_nonzero(found >= np.float32(threshold))
    assert reached <= wanted * len(found) + 1e-6 or threshold == 1.0
    lower = threshold - 0.003
    assert lower <= 0 or np.count_nonzero(found >= np.float32(lower)) > np.floor(wanted * len(found) + 1e-9)


def test_few_negatives_reach_nothing() -> None:
    scores = np.linspace(0.2, 0.8, 30, dtype=np.float32)
    assert threshold_for(scores, 0.01) == pytest.approx(0.801, abs=1e-6)


def test_measured_rate_is_of_other_negatives() -> None:
    photos, others = np.array([0.9, 0.95, 0.4], np.float32), np.array([0.1, 0.85, 0.2, 0.3], np.float32)
    found = rejection("street", 0.01, 50, 0.8, photos, others)
    assert (found.rate.count, found.rate.total, found.chosen_on) == (1, 4, 50)
    assert found.auroc == pytest.approx(11 / 12)
    assert (
        "1 of 4 other negatives got an answer (25.0 %" in found.describe()
        and "photos cause more" not in found.describe()
    )
    assert "drawings: photos cause more" in rejection(DRAWN, 0.01, 50, 0.8, photos, others).describe()


def test_negatives_are_divided_by_content_so_that_copies_stay_together(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    for number in range(60):
        image = random.integers(0, 255, (20, 20, 3), np.uint8)
        for copy in ("a", "b"):
            cv2.imwrite(str(tmp_path / f"{number}-{copy}.png"), image)
    for linear in (True, False):
        found = open_negatives(str(tmp_path), linear, (), TrainingObserver())
        parts = [{item.path.partition("-")[0] for item in part} for part in (found.teach, found.choose, found.measure)]
        assert sum(map(len, parts)) == 60 and bool(parts[0]) == linear
        assert set.union(*parts) == {str(number) for number in range(60)}


def test_drawn_negatives_are_the_same_each_time_and_not_alike() -> None:
    found = open_negatives(DRAWN, True, (), TrainingObserver())
    every = (*found.teach, *found.choose, *found.measure)
    assert found.drawn and len({item.data() for item in every}) == len(every) == 200
    assert found.choose[0].read().width == 320


class Notes(TrainingObserver):
    """Observer that keeps the notes."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)


def draw_images(folder: Path, count: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        cv2.imwrite(str(folder / f"{seed}-{number}.png"), random.integers(0, 255, (20, 20, 3), np.uint8))


def test_negatives_that_are_photos_of_the_classes_or_unreadable_are_left_out_and_named(tmp_path: Path) -> None:
    draw_images(tmp_path / "photos" / "a", 10, 1)
    draw_images(tmp_path / "photos" / "b", 1, 2)
    draw_images(tmp_path / "street", 40, 3)
    draw_images(tmp_path / "street", 10, 1)  # the photos of class a
    (tmp_path / "street" / "broken.jpg").write_bytes(b"\xff\xd8\xff")
    photos = open_dataset(tmp_path / "photos").items
    watcher = Notes()
    found = open_negatives(str(tmp_path / "street"), False, photos, watcher)
    assert {item.path for item in (*found.choose, *found.measure)} == {f"3-{number}.png" for number in range(40)}
    assert watcher.notes == [
        "negatives: left out 10 that are copies of other photos",
        "negatives: skipped 1 that cannot be read, such as broken.jpg",
    ]
    draw_images(tmp_path / "more" / "a", MIN_NEGATIVES, 4)
    more = open_dataset(tmp_path / "more").items
    with pytest.raises(BadInput, match=f"too few images of its own that can be read .0 of at least {MIN_NEGATIVES}"):
        open_negatives(str(tmp_path / "more"), True, more, TrainingObserver())


def test_too_few_or_missing_negatives_are_one_line(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="is empty; put images into it"):
        open_negatives(str(tmp_path), True, (), TrainingObserver())
    draw_images(tmp_path, 1, 0)
    with pytest.raises(BadInput, match=f".1 of at least {MIN_NEGATIVES}"):
        open_negatives(str(tmp_path), True, (), TrainingObserver())
    with pytest.raises(MissingFile):
        open_negatives(str(tmp_path / "absent"), True, (), TrainingObserver())


def test_rate_of_false_alarms_without_negatives_is_refused() -> None:
    with pytest.raises(BadInput, match="--false-alarms needs images to count them on; add --negatives FOLDER"):
        check_settings(TrainSettings(false_alarms=0.05))
    check_settings(TrainSettings(false_alarms=0.05, negatives="street"))


@pytest.mark.parametrize(("text", "value"), [("1%", 0.01), ("0.5 %", 0.005), ("0.05", 0.05), (".1", 0.1), ("50%", 0.5)])
def test_share_is_read(text: str, value: float) -> None:
    assert share.parse(text) == pytest.approx(value)
    assert share.parse(share.unparse(share.parse(text))) == share.parse(text)


@pytest.mark.parametrize("text", ["", "0", "0%", "51%", "1", "-1%", "1%%", "nan", "1e-2", "five"])
def test_wrong_share_is_refused_with_the_form(text: str) -> None:
    with pytest.raises(BadInput, match="expected a share above 0, up to 50%"):
        share.parse(text)
