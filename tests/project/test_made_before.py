"""Files made by an earlier version still open: models, benchmarks, splits, taught classes, bundles, SD cards, records."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import command_line
import cv2
import numpy as np
import pytest
from documents import accepted, loads, parse, parse_lines
from edgevision.device.installer.boot.boot_partition import read_device
from locations import TESTS

from edgevision import open_model
from edgevision.cli.main import main
from edgevision.datasets.split import Split
from edgevision.model_file.card import ModelCard

MADE_BEFORE = TESTS / "data" / "made_before"
MODEL = MADE_BEFORE / "model.tflite"
COLORS = {"red": (0, 0, 255), "green": (0, 255, 0), "blue": (255, 0, 0)}
"""BGR."""
RECORDS = {
    # file -> name of its schema
    "bench.json": "bench",
    "convert.json": "convert",
    "data_check.json": "data_check",
    "evaluate.json": "evaluate",
    "inspect.json": "inspect",
    "metrics.json": "evaluate",
    "model.card.json": "card",
    "run.json": "run",
    "run_folder.json": "run_folder",
    "sd_card/edgevision/device.json": "device",
    "sd_card/edgevision/image.json": "image",
    "sd_card/edgevision/status.json": "install_status",
    "taught.json": "taught",
    "train.json": "train",
}
RENAMED = {"rule": "preprocessing", "rule_from": "preprocessing_from"}


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    for name, bgr in COLORS.items():
        (tmp_path / "photos" / name).mkdir(parents=True)
        cv2.imwrite(str(tmp_path / "photos" / name / "0.png"), np.full((24, 32, 3), bgr, np.uint8))
    return tmp_path / "photos"


def edgevision(*arguments: object, cwd: Path, code: int = 0) -> str:
    """Run a command and return its stdout."""
    done = command_line.edgevision(*arguments, cwd=cwd)
    assert done.returncode == code, done.stderr
    return done.stdout


def test_model_with_an_older_card_predicts() -> None:
    with open_model(MODEL, threads=1) as model:
        assert (model.preprocessing.width, model.preprocessing.mean) == (16, (127.5,))
        for name, bgr in COLORS.items():
            top = model.predict(np.full((24, 32, 3), bgr[::-1], np.uint8)).top
            assert top is not None and top.name == name


def test_model_with_an_older_card_is_inspected_run_and_evaluated(photos: Path) -> None:
    report = parse(edgevision("inspect", MODEL, "--json", cwd=photos.parent), "inspect")
    assert report["card"]["preprocessing"] == report["opens_as"]["preprocessing"]
    lines = parse_lines(edgevision("run", MODEL, "--source", photos, "--json", "--quiet", cwd=photos.parent))
    assert sorted(line["labels"][0]["name"] for line in lines) == sorted(COLORS)
    scored = parse(edgevision("evaluate", MODEL, photos, "--json", "--quiet", cwd=photos.parent), "evaluate")
    assert scored["accuracy"]["value"] == 1


@pytest.mark.tensorflow
@pytest.mark.parametrize("name", ["model.keras", "model.h5"])
def test_keras_file_with_an_older_card_is_read(name: str, photos: Path) -> None:
    from edgevision.convert.keras_files.scan import scan

    assert scan(MADE_BEFORE / name).card == ModelCard.loads((MADE_BEFORE / "model.card.json").read_text())


@pytest.mark.tensorflow
def test_keras_file_with_an_older_card_is_compared(photos: Path) -> None:
    arguments = (MODEL, photos, "--compare", MADE_BEFORE / "model.keras", "--json", "--quiet")
    scored = parse(edgevision("evaluate", *arguments, cwd=photos.parent), "evaluate")
    assert scored["compare"]["agreement"]["same"] == len(COLORS)


def test_benchmark_is_compared(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = str(MADE_BEFORE / "bench.json")
    with pytest.raises(SystemExit) as ended:
        main(["bench", "compare", path, path, "--json", "--runs", str(tmp_path)])
    said = capsys.readouterr()
    assert ended.value.code == 0, said.err
    found = parse(said.out, "bench_comparison")
    assert [row["id"] for row in found["rows"]] == ["model cpu 2T"] * 2


def test_split_is_read() -> None:
    assert Split.read_csv(MADE_BEFORE / "split.csv").counts() == {"train": 57, "val": 8, "test": 7}


def test_taught_classes_are_imported(tmp_path: Path) -> None:
    there = ("--model", MODEL, "--state", tmp_path, "--json")
    listed = parse(edgevision("teach", "--import", MADE_BEFORE / "taught.json", *there, cwd=tmp_path), "teach")
    assert [(one["name"], one["frames"]) for one in listed["classes"]] == [("orange", 4)]


def test_bundle_is_verified(tmp_path: Path) -> None:
    found = parse(edgevision("bundle", "verify", MADE_BEFORE / "bundle.tar.xz", "--json", cwd=tmp_path), "bundle_check")
    assert (found["python"], found["arch"], found["files"]) == ("3.11", "aarch64", 5)


def test_sd_card_is_read(tmp_path: Path) -> None:
    status = edgevision("flash", "status", MADE_BEFORE / "sd_card", "--json", cwd=tmp_path, code=3)
    assert parse(status, "install_status")["state"] == "pending"
    device = read_device(MADE_BEFORE / "sd_card" / "edgevision")
    assert (device.backend, device.system and device.system["hostname"]) == ("bookworm", "shelfcam-07")


@pytest.mark.parametrize("file", RECORDS)
def test_record_differs_only_in_the_new_names(file: str) -> None:
    assert accepted(renamed(loads((MADE_BEFORE / file).read_text())), RECORDS[file])


def test_lines_of_a_run_are_valid() -> None:
    parse_lines((MADE_BEFORE / "run.jsonl").read_text())


def renamed(value: Any) -> Any:
    """Return a record with the names that this version writes."""
    if isinstance(value, list):
        return [renamed(item) for item in value]
    if not isinstance(value, dict):
        return "edgevision.card/2" if value == "edgevision.card/1" else value
    return {RENAMED.get(key, key): renamed(item) for key, item in value.items()}
