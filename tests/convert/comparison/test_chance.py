"""Accuracy at chance level: found with and without labels in the model, never for a model that is better than guessing."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("tensorflow", reason="needs the convert extra: pip install 'edgevision[convert]'")

from edgevision.convert.comparison.chance import chance_level
from edgevision.convert.conversion_notes import WARNING, notes
from edgevision.convert.images.calibration import CalibrationSet
from edgevision.convert.images.heldout import LabelledImage, remaining
from edgevision.convert.images.image_files import in_folder
from edgevision.convert.options import ConvertOptions

from edgevision.evaluation.intervals import proportion


def pictures(labels: list[int], assumed: bool = False) -> list[LabelledImage]:
    sets = [frozenset({label}) for label in labels]
    return [
        LabelledImage(
            Path(f"{n}.png"), str(n), frozenset() if assumed else one, assumed=one if assumed else frozenset()
        )
        for n, one in enumerate(sets)
    ]


def test_answers_no_better_than_guessing_are_at_chance_level() -> None:
    found = chance_level(pictures([0, 1] * 50), [0] * 53 + [1] * 47, 2)
    assert found is not None and found.guessing == 0.5 and not found.assumed
    assert "chance level" in found.message() and "--mean" in found.message()


@pytest.mark.parametrize("labels", [[0] * 90 + [1] * 10, [0, 1, 2, 3] * 25])
def test_one_answer_for_every_image_is_at_chance_level(labels: list[int]) -> None:
    assert chance_level(pictures(labels), [0] * 100, 4) is not None


@pytest.mark.parametrize(
    ("labels", "tops"),
    [
        ([0, 1] * 50, [0, 1] * 40 + [1, 0] * 10),
        ([0] * 90 + [1] * 10, [0] * 88 + [1] * 12),
        ([0] * 30, [0] * 28 + [1] * 2),
        ([0, 1] * 5, [1, 0] * 5),
    ],
    ids=["80 % right", "unbalanced", "one class only", "too few images"],
)
def test_better_than_guessing_or_too_few_images_is_not_reported(labels: list[int], tops: list[int]) -> None:
    assert chance_level(pictures(labels), tops, 2) is None


def test_classes_are_assumed_from_folders_only_without_labels() -> None:
    wrong = chance_level(pictures([0, 1] * 20, assumed=True), [1, 0] * 20, 2)
    assert wrong is not None and wrong.assumed and "alphabetical" in wrong.message()
    mixed = [*pictures([0, 1] * 20), *pictures([1] * 40, assumed=True)]
    assert chance_level(mixed, [0, 1] * 20 + [0] * 40, 2) is None


def test_folders_are_classes_if_there_is_one_per_class(tmp_path: Path) -> None:
    for name in ("dogs", "cats"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "1.jpg").write_bytes(name.encode())
    paths = tuple(in_folder(tmp_path, sorted(tmp_path.rglob("*.jpg"))))
    calibration = CalibrationSet(tmp_path, (), paths, (), rendered=False)
    two = {one.path.parent.name: one.assumed for one in remaining(calibration, (), classes=2).pictures}
    assert two == {"cats": {0}, "dogs": {1}}
    assert not any(one.assumed for one in remaining(calibration, (), classes=3).pictures)
    assert not any(one.assumed for one in remaining(calibration, ("x", "y"), classes=2).pictures)


def made(agreement: int, chance: Any = None) -> Any:
    comparison = SimpleNamespace(
        agreement=proportion(agreement, 100), chance=chance, pictures=100, skipped=(), trained_on=None
    )
    heldout = SimpleNamespace(independent=True, skipped=(), only_trained_on=False, training_known=True)
    return SimpleNamespace(comparison=comparison, heldout=heldout, repair=None)


@pytest.mark.parametrize("effort", ["none", "low", "normal", "high"])
def test_low_agreement_warns_at_any_effort(effort: Any) -> None:
    calibration: Any = SimpleNamespace(rendered=False, skipped=(), notes=())
    options = ConvertOptions(Path("m.keras"), effort=effort)
    assert notes(calibration, made(0), options)[0].startswith(
        f"{WARNING}int8 gives the float model's answer on only 0.0 %"
    )
    assert notes(calibration, made(99), options) == ()
    chance = chance_level(pictures([0, 1] * 50), [0] * 100, 2)
    assert [note[:40] for note in notes(calibration, made(99, chance), options)] == [
        f"{WARNING}the accuracy is at chance level"[:40]
    ]
