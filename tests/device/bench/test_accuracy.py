"""``bench --accuracy``: several models on the same images, agreement with their float model, and the plot."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
from bench_files import result
from edgevision.device.bench.accuracy import Accuracies
from edgevision.device.bench.pareto import accuracy_cells, pareto_section, points
from edgevision.device.bench.runner import Combination

from edgevision import default_model
from edgevision.datasets.training_images import card_entry
from edgevision.errors import BadInput
from edgevision.model_file import model_file
from edgevision.preprocessing.decode import encode_png
from edgevision.types import Frame

COUNT = 6


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    card = model_file.read(default_model.path()).card
    assert card is not None
    for number in range(COUNT):
        pixels = np.random.default_rng(number).integers(0, 256, (40, 60, 3), np.uint8)
        path = folder / card.labels[number % 2] / f"{number}.png"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(encode_png(Frame(pixels)))
    return folder


def variant(folder: Path, name: str, mode: str, trained_on: list[Path] | None = None, source: str = "a" * 64) -> Path:
    """Write the default model as one that was converted in a mode, and trained on some photos."""
    file = model_file.read(default_model.path())
    assert file.card is not None
    digests = [hashlib.sha256(path.read_bytes()).hexdigest() for path in trained_on or []]
    training = {"data": {"images": card_entry(digests, [])}} if digests else None
    quantization = {**(file.card.quantization or {}), "mode": mode}
    card = file.card.with_(source_sha256=source, quantization=quantization, training=training)
    path = folder / f"{name}.tflite"
    model_file.write(path, file.flatbuffer, card, file.files)
    return path


def scores(photos: Path, *models: Path) -> list[dict]:
    found = Accuracies([Combination(path, "cpu", 1) for path in models], photos).score(lambda what, share: None)
    return [found[path, "cpu"] for path in models]


def test_agreement_is_with_the_float_model_of_the_same_source(photos: Path, tmp_path: Path) -> None:
    whole = variant(tmp_path, "whole", "float")
    small = variant(tmp_path, "small", "float16")
    other = variant(tmp_path, "other", "int8", source="b" * 64)
    reference, same, unknown = scores(photos, whole, small, other)
    assert same["agreement"]["same"] == same["agreement"]["total"] == COUNT  # the graph is the same
    assert reference["agreement"] is None and unknown["agreement"] is None


def test_images_that_one_model_was_trained_on_count_for_none(photos: Path, tmp_path: Path) -> None:
    every = sorted(photos.glob("*/*.png"))
    fresh, trained = variant(tmp_path, "fresh", "int8"), variant(tmp_path, "trained", "int8", every[:2])
    first, second = scores(photos, fresh, trained)
    assert first["total"] == second["total"] == COUNT - 2
    assert first["fingerprint"] == second["fingerprint"]
    assert second["trained_on"]["counted_apart"] and first["correct"] == second["correct"]


def test_models_trained_on_different_halves_cannot_be_compared(photos: Path, tmp_path: Path) -> None:
    every = sorted(photos.glob("*/*.png"))
    one, two = variant(tmp_path, "one", "int8", every[:3]), variant(tmp_path, "two", "int8", every[3:])
    with pytest.raises(BadInput, match="every image was used to train one of the models"):
        scores(photos, one, two)


def test_accuracy_on_training_images_alone_is_in_no_plot(photos: Path, tmp_path: Path) -> None:
    trained = variant(tmp_path, "trained", "int8", sorted(photos.glob("*/*.png")))
    [found] = scores(photos, trained)
    measured = {**result("trained cpu 1T", 5.0), "accuracy": found}
    assert points([measured]) == [] and pareto_section([measured]) == ""
    assert "of the images it was trained on" in accuracy_cells([measured])[1][0][2]


def test_table_and_plot_show_the_models_side_by_side() -> None:
    rows = [result("small cpu 1T", 2.0, 0.52), result("large cpu 1T", 5.0, 0.55), result("slow cpu 1T", 9.0, 0.53)]
    for one, mode in zip(rows, ("int8", "float16", "int16x8"), strict=True):
        one["model"] = {"bytes": 1_230_000, "mode": mode}
        one["accuracy"] |= {"correct": 200, "total": 400, "fingerprint": "c" * 64, "split": "test"}
    rows[0]["accuracy"]["agreement"] = {"value": 0.9, "low": 0.87, "high": 0.93, "same": 360, "total": 400}
    head, cells = accuracy_cells(rows)
    assert cells[0] == [
        "small cpu 1T",
        "int8",
        "52.0 % (50.0..54.0)",
        "90.0 % (87.0..93.0)",
        "2.00",
        "1.23",
        "Pareto front",
    ]
    assert [row[-1] for row in cells] == ["Pareto front", "Pareto front", ""] and len(head) == len(cells[0])
    page = pareto_section(rows)
    assert "on the same 400 images (test)" in page and page.count("<polyline") == 4  # the front and three intervals
    assert ">50<" in page and ">0<" not in page.partition('class="x"')[0]  # accuracy does not start at zero
