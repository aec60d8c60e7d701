"""Synthetic image sets: deterministic, balanced, distinct and separable; and the committed calibration set."""

from __future__ import annotations

import hashlib
from collections import Counter
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest
from edgevision.convert.images.calibration import MIN_COUNT, MIN_DEVIATION, RENDERED_SETS, fingerprint
from edgevision.convert.synthetic import THINGS, draw_calibration_set, draw_set
from edgevision.convert.synthetic.__main__ import main as draw_again
from locations import ROOT

from edgevision.errors import BadInput, UnknownName
from edgevision.preprocessing import decode

RENDERED = ROOT / "calibration_images" / "rendered"


def _digests(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in decode.find(folder)
    }


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("drawn")
    draw_set(folder, list(THINGS), 24, seed=7, size=96)
    return folder


def test_set_is_deterministic_by_seed(drawn: Path, tmp_path: Path) -> None:
    draw_set(tmp_path, list(THINGS), 24, seed=7, size=96)
    assert _digests(tmp_path) == _digests(drawn)


def test_another_seed_draws_different_files(drawn: Path, tmp_path: Path) -> None:
    draw_set(tmp_path, list(THINGS), 24, seed=8, size=96)
    assert not set(_digests(tmp_path).values()) & set(_digests(drawn).values())


def test_image_depends_only_on_its_class_and_number(drawn: Path, tmp_path: Path) -> None:
    draw_set(tmp_path, ["mug", "apple"], 3, seed=7, size=96)
    every = _digests(drawn)
    few = _digests(tmp_path)
    assert len(few) == 6
    assert few.items() <= every.items()


def test_classes_are_balanced_and_images_distinct(drawn: Path) -> None:
    found = _digests(drawn)
    assert Counter(name.partition("/")[0] for name in found) == dict.fromkeys(THINGS, 24)
    assert len(set(found.values())) == len(found)


def test_images_have_the_requested_size_and_content(drawn: Path) -> None:
    for path in decode.find(drawn):
        frame = decode.read(path)
        assert (frame.width, frame.height) == (96, 72)
        assert frame.pixels.reshape(-1, 3).std(axis=0).max() > MIN_DEVIATION


def test_classes_differ_in_their_colors(drawn: Path, tmp_path: Path) -> None:
    """A nearest neighbor in color histograms is correct more often than not; guessing is correct one time in five."""
    draw_set(tmp_path, list(THINGS), 8, seed=99, size=96)
    known = [(path.parent.name, _histogram(path)) for path in decode.find(drawn)]
    asked = [(path.parent.name, _histogram(path)) for path in decode.find(tmp_path)]
    right = 0
    for name, histogram in asked:
        nearest = min(known, key=lambda one: float(np.abs(one[1] - histogram).sum()))
        right += nearest[0] == name
    assert right / len(asked) > 0.4


def _histogram(path: Path) -> np.ndarray:
    """Return a coarse color histogram of the saturated pixels, which mostly belong to the object."""
    pixels = decode.read(path).pixels.reshape(-1, 3).astype(int)
    vivid = pixels[np.ptp(pixels, axis=1) > 60]
    cells = (vivid // 52) @ (1, 5, 25)
    counts = np.bincount(cells, minlength=125).astype(float)
    return counts / max(1.0, counts.sum())


def test_step_is_called_for_every_image(tmp_path: Path) -> None:
    steps = []
    written = draw_set(tmp_path, ["apple", "mug"], 2, seed=0, size=48, step=lambda: steps.append(1))
    assert len(steps) == len(written) == 4


def test_seed_may_be_a_sequence_of_numbers(tmp_path: Path) -> None:
    for a, b in permutations((1, 2)):
        draw_set(tmp_path / f"{a}{b}", ["apple"], 1, seed=(a, b), size=48)
    assert _digests(tmp_path / "12") != _digests(tmp_path / "21")


def test_unknown_class_is_rejected_with_the_available_ones(tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match=r"cannot draw 'aple'; did you mean 'apple'\?; available: apple, banana"):
        draw_set(tmp_path, ["aple"], 1, seed=0)


@pytest.mark.parametrize(
    ("classes", "per_class", "size", "message"),
    [
        (["apple", "apple"], 1, 48, "duplicate class"),
        (["apple"], 0, 48, "got 0 and 48"),
        (["apple"], 1, 8, "got 1 and 8"),
    ],
)
def test_invalid_sets_are_rejected(tmp_path: Path, classes: list[str], per_class: int, size: int, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        draw_set(tmp_path, classes, per_class, seed=0, size=size)
    assert list(tmp_path.iterdir()) == []


def test_calibration_set_varies_in_size_and_is_reproducible(tmp_path: Path) -> None:
    for name in ("a", "b"):
        draw_calibration_set(tmp_path / name, 8, seed=3)
    assert _digests(tmp_path / "a") == _digests(tmp_path / "b")
    frames = [decode.read(path) for path in decode.find(tmp_path / "a")]
    assert len({(frame.width, frame.height) for frame in frames}) == 4


def test_committed_set_is_recognized_by_its_fingerprint() -> None:
    digests = _digests(RENDERED).values()
    found = fingerprint(digests)
    assert RENDERED_SETS == {found: len(digests)}
    assert found in (ROOT / "calibration_images" / "README.md").read_text(encoding="utf-8")


def test_committed_set_is_small_complete_and_varied() -> None:
    found = decode.find(RENDERED)
    assert len(found) >= 3 * MIN_COUNT
    assert sum(path.stat().st_size for path in found) < 600_000
    frames = [decode.read(path) for path in found]
    assert all(frame.pixels.reshape(-1, 3).std(axis=0).max() > MIN_DEVIATION for frame in frames)
    assert np.ptp([frame.pixels.mean() for frame in frames]) > 60


def test_redrawing_the_committed_set_keeps_a_nonempty_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "photo.jpg").write_bytes(b"mine")
    assert draw_again([str(tmp_path)]) == 1
    assert "is not empty" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["photo.jpg"]
