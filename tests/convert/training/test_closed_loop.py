"""The loop once from end to end: a device collects, somebody sorts, the training continues; wrong labels are caught."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from command_line import edgevision
from documents import parse, parse_lines
from edgevision.convert.synthetic import draw_set
from ssh_server import ssh_server

from edgevision.preprocessing.decode import read

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


def _film(path: Path, name: str, scenes: int) -> Path:
    """Write a film, one frame per second, of one kind of object in scenes that no photo shows, and in dim light."""
    images = draw_set(path.parent / f"scenes-{name}", (name,), scenes, (7, 7), size=96)
    frames = [(read(one).pixels * 0.7).astype(np.uint8) for one in images]
    height, width = frames[0].shape[:2]
    video = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 1, (width, height))
    for frame in frames:
        for _ in range(SHOWN_S):
            video.write(frame)
    video.release()
    return path


def _ok(*arguments: object, cwd: Path) -> str:
    done = edgevision(*arguments, cwd=cwd)
    assert done.returncode == 0, done.stderr
    return done.stdout


def _sort(pulled: Path, names: dict[str, str]) -> None:
    """Move every pulled image into the folder of what its film showed, as a person would who looks at it."""
    for line in parse_lines((pulled / "pulled.jsonl").read_text(), "pulled"):
        image = pulled / line["path"]
        shown = Path(line["camera"]).stem
        target = pulled / names.get(shown, shown) / f"{shown}-{image.name}"
        target.parent.mkdir(exist_ok=True)
        image.rename(target)


def test_model_gets_better_where_it_runs_and_wrong_labels_are_caught(tmp_path: Path) -> None:
    draw_set(tmp_path / "photos", KNOWN, 100, 1, size=96)
    _ok("train", "photos", *NETWORK, *FEW_EPOCHS, cwd=tmp_path)
    _ok("convert", "runs/train-1/model.keras", "--calibration", "photos", "-o", "model.tflite", "--quiet", cwd=tmp_path)

    for name in (*KNOWN, NEW):  # the real loop on films of each object
        film = _film(tmp_path / f"{name}.avi", name, 40)
        words = ("run", "model.tflite", "--source", film.name, "--collect", "device/seen", "--quiet")
        subprocess.run([sys.executable, "-m", "edgevision", *words], cwd=tmp_path, check=True, timeout=300)
    collected = list((tmp_path / "device/seen").rglob("*.jpg"))
    assert len(collected) >= 40

    with ssh_server(tmp_path / "ssh") as server:
        address = f"{server.login}:{tmp_path}/device/seen"
        for out in ("good", "poisoned"):
            said = _ok("pull", address, "--ssh-config", server.config, "-o", out, "--json", cwd=tmp_path)
            assert len(parse(said, "pull")["pulled"]) == len(collected)

    _sort(tmp_path / "good", {})
    said = _ok("train", "good", "--from", "runs/train-1", *FEW_EPOCHS, "--json", cwd=tmp_path)
    result = parse(said, "train")
    proposal = parse((tmp_path / "runs/train-2/proposal.json").read_text(), "proposal")
    assert proposal["accepted"] and result["proposal"]["accepted"]
    assert proposal["result"]["pictures"] == 30 and proposal["result"]["new_pictures"] == 0
    assert [one["name"] for one in proposal["new_classes"]] == [NEW]
    assert [line.split()[1] for line in proposal["next"]] == ["convert", "bundle"]

    turned = dict(zip(KNOWN, (*KNOWN[1:], KNOWN[0]), strict=True))
    _sort(tmp_path / "poisoned", turned)
    done = edgevision("train", "poisoned", "--from", "runs/train-1", *FEW_EPOCHS, cwd=tmp_path)
    assert done.returncode == 3, done.stderr
    assert "runs/train-3/refused.keras is refused as" in done.stderr.splitlines()[-1]
    refused = parse((tmp_path / "runs/train-3/proposal.json").read_text(), "proposal")
    assert {one["label"] for one in refused["doubtful_labels"]["groups"]} >= {"banana"}
    assert json.loads((tmp_path / "runs/train-3/run.json").read_text())["exit_code"] == 3
