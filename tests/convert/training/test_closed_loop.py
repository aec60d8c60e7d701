"""The loop once from end to end: a device collects, somebody sorts, the training continues; wrong labels are caught."""

from __future__ import annotations

import json
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from command_line import edgevision
from documents import parse, parse_lines
from edgevision.convert.synthetic import draw_set
from edgevision.device import Sink, open_source
from edgevision.device import run as loop
from edgevision.device.collection.collector import Collector
from edgevision.device.collection.provenance import CollectedBy
from edgevision.device.collection.quota_store import Store
from ssh_server import ssh_server

from edgevision import open_model
from edgevision.preprocessing.decode import read
from edgevision.types import Frame, Prediction

pytestmark = [pytest.mark.tensorflow, pytest.mark.slow]
KNOWN, NEW = ("apple", "banana", "mug"), "carrot"
NETWORK = (
    "--backbone",
    "cnn",
    "--weights",
    "none",
    "--image-size",
    "48",
    "--cnn-filters",
    "12,16,24",
    "--cnn-dense",
    "32",
)
FEW_EPOCHS = ("--epochs", "12", "--head-epochs", "12", "--learning-rate", "0.003", "--quiet")
SHOWN_S = 6
"""Seconds that each scene of a film stays; two images of a label are collected at least 5 s apart."""
Scenes = list[tuple[str, np.ndarray]]
"""What each scene shows, and its pixels."""


def _film(path: Path, names: tuple[str, ...], scenes: int) -> Scenes:
    """Write a film, at one frame per second, of objects by turns, in scenes that no photo shows and in dim light."""
    drawn = {name: draw_set(path.parent / "scenes", (name,), scenes, (7, 7), size=96) for name in names}
    found = [(name, (read(drawn[name][at]).pixels * 0.8).astype(np.uint8)) for at in range(scenes) for name in names]
    height, width = found[0][1].shape[:2]
    video = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 1, (width, height))
    for _, pixels in found:
        for _ in range(SHOWN_S):
            video.write(pixels)
    video.release()
    return found


class Unhurried(Sink):
    """Slows the loop down: a file is read as fast as possible, and the collector drops what it cannot write in time."""

    def write(self, frame: Frame, prediction: Prediction) -> None:
        time.sleep(0.02)


def _collect(film: Path, model: Path, folder: Path) -> None:
    """Run the loop on a film, as ``run --collect`` does."""
    with open_model(model) as opened:
        by = CollectedBy("film", opened.card.name, opened.sha256)
        collector = Collector(Store(folder, 10**9), opened.card.threshold, by=by)
        summary = loop(open_source(str(film)), opened, [collector, Unhurried()])
    assert summary.stopped_by == "end"


def _ok(*arguments: object, cwd: Path) -> str:
    done = edgevision(*arguments, cwd=cwd)
    assert done.returncode == 0, done.stderr
    return done.stdout


def _label(pulled: Path, scenes: Scenes, names: dict[str, str]) -> None:
    """Move every pulled image into the folder of what it shows, as a person would who looks at it; ``names``: mistakes."""
    for line in parse_lines((pulled / "pulled.jsonl").read_text(), "pulled"):
        image = pulled / line["path"]
        seen = read(image).pixels.astype(int)
        shown = min(scenes, key=lambda scene: float(np.abs(scene[1] - seen).mean()))[0]
        target = pulled / names.get(shown, shown) / f"{image.parent.name}-{image.name}"
        target.parent.mkdir(exist_ok=True)
        image.rename(target)


def test_model_gets_better_where_it_runs_and_wrong_labels_are_caught(tmp_path: Path) -> None:
    draw_set(tmp_path / "photos", KNOWN, 100, 1, size=96)
    _ok("train", "photos", *NETWORK, *FEW_EPOCHS, cwd=tmp_path)
    _ok("convert", "runs/train-1/model.keras", "--calibration", "photos", "-o", "model.tflite", "--quiet", cwd=tmp_path)

    scenes = _film(tmp_path / "film.avi", (*KNOWN, NEW), 30)  # the real loop on a film
    _collect(tmp_path / "film.avi", tmp_path / "model.tflite", tmp_path / "device/seen")
    collected = list((tmp_path / "device/seen").rglob("*.jpg"))
    assert len(collected) >= 40

    with ssh_server(tmp_path / "ssh") as server:
        address = f"{server.login}:{tmp_path}/device/seen"
        for out in ("good", "poisoned"):
            said = _ok("pull", address, "--ssh-config", server.config, "-o", out, "--json", cwd=tmp_path)
            assert len(parse(said, "pull")["pulled"]) == len(collected)

    _label(tmp_path / "good", scenes, {})
    said = _ok("train", "good", "--from", "runs/train-1", *FEW_EPOCHS, "--json", cwd=tmp_path)
    result = parse(said, "train")
    proposal = parse((tmp_path / "runs/train-2/proposal.json").read_text(), "proposal")
    assert proposal["accepted"] and result["proposal"]["accepted"]
    assert proposal["result"]["pictures"] == 30 and proposal["result"]["new_pictures"] == 0
    assert [one["name"] for one in proposal["new_classes"]] == [NEW]
    assert [line.split()[1] for line in proposal["next"]] == ["convert", "bundle"]

    turned = dict(zip(KNOWN, (*KNOWN[1:], KNOWN[0]), strict=True))
    _label(tmp_path / "poisoned", scenes, turned)
    done = edgevision("train", "poisoned", "--from", "runs/train-1", *FEW_EPOCHS, cwd=tmp_path)
    assert done.returncode == 3, done.stderr
    assert "runs/train-3/refused.keras is refused as" in done.stderr.splitlines()[-1]
    refused = parse((tmp_path / "runs/train-3/proposal.json").read_text(), "proposal")
    assert {one["label"] for one in refused["doubtful_labels"]["groups"]} >= {"banana"}
    assert json.loads((tmp_path / "runs/train-3/run.json").read_text())["exit_code"] == 3
