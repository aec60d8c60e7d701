"""The loop once from end to end by its commands: run collects, pull fetches, a person labels, the training continues.

tests/emulated/deploy/test_closed_loop.py goes on from there to the device.
"""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from closed_loop import FEW_EPOCHS, NETWORK, NEW, SWAPPED, Answered, draw_film, draw_photos, label_on_page
from command_line import edgevision
from documents import parse, parse_lines
from ssh_server import ssh_server

pytestmark = [pytest.mark.tensorflow, pytest.mark.slow]
START_S = 120


def _ok(*arguments: object, cwd: Path) -> str:
    done = edgevision(*arguments, cwd=cwd)
    assert done.returncode == 0, done.stderr
    return done.stdout


@contextmanager
def _labeling(folder: Path, model: Path) -> Iterator[int]:
    """Serve ``edgevision label`` until the end of the block; yield its port."""
    log = folder.with_name(f"{folder.name}.log")
    command = [sys.executable, "-m", "edgevision", "label", folder, "--model", model, "--page", "127.0.0.1:0"]
    with log.open("wb") as stream:
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=stream)
    try:
        yield _port(log, process)
        process.send_signal(signal.SIGINT)
        assert process.wait(120) == 130
        assert "0 to label" in log.read_text().splitlines()[-1]
    finally:
        process.kill()
        process.wait()


def _port(log: Path, process: subprocess.Popen[bytes]) -> int:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and process.poll() is None:
        if found := re.search(r"page: http://\S+:(\d+)/", log.read_text()):
            return int(found[1])
        time.sleep(0.05)
    raise AssertionError(f"no page: {log.read_text()}")


def test_model_gets_better_where_it_runs_and_wrong_labels_are_caught(tmp_path: Path) -> None:
    draw_photos(tmp_path / "photos")
    _ok("train", "photos", *NETWORK, *FEW_EPOCHS, cwd=tmp_path)
    _ok("convert", "runs/train-1/model.keras", "--calibration", "photos", "-o", "model.tflite", "--quiet", cwd=tmp_path)
    model = tmp_path / "model.tflite"

    scenes = draw_film(tmp_path / "film.avi")
    seen = tmp_path / "device" / "seen"
    _ok("run", model, "--source", "film.avi", "--collect", seen, "--camera-name", "film", "--quiet", cwd=tmp_path)
    collected = list(seen.rglob("*.jpg"))
    assert len(collected) >= 40

    with ssh_server(tmp_path / "ssh") as server:
        for out in ("good", "poisoned"):
            address = (f"{server.login}:{seen}", "--ssh-config", server.config)
            said = _ok("pull", *address, "-o", out, "--json", cwd=tmp_path)
            assert len(parse(said, "pull")["pulled"]) == len(collected)

    with _labeling(tmp_path / "good", model) as port:
        answered = label_on_page(port, scenes)
    assert answered.confirmed and answered.corrected and answered.undone == 1
    _check_log(tmp_path / "good", answered)
    said = _ok("train", "good", "--from", "runs/train-1", *FEW_EPOCHS, "--json", cwd=tmp_path)
    result = parse(said, "train")
    proposal = parse((tmp_path / "runs/train-2/proposal.json").read_text(), "proposal")
    assert proposal["accepted"] and result["proposal"]["accepted"]
    assert proposal["result"]["pictures"] == 30 and proposal["result"]["new_pictures"] == 0
    assert [one["name"] for one in proposal["new_classes"]] == [NEW]
    assert [line.split()[1] for line in proposal["next"]] == ["convert", "deploy"]
    assert proposal["next"][1].split()[2] == server.login

    with _labeling(tmp_path / "poisoned", model) as port:
        label_on_page(port, scenes, SWAPPED)
    done = edgevision("train", "poisoned", "--from", "runs/train-1", *FEW_EPOCHS, cwd=tmp_path)
    assert done.returncode == 3, done.stderr
    assert "runs/train-3/refused.keras is refused as" in done.stderr.splitlines()[-1]
    refused = parse((tmp_path / "runs/train-3/proposal.json").read_text(), "proposal")
    assert {one["label"] for one in refused["doubtful_labels"]["groups"]} >= {"banana"}
    assert json.loads((tmp_path / "runs/train-3/run.json").read_text())["exit_code"] == 3


def _check_log(folder: Path, answered: Answered) -> None:
    """Check that the log has every answer, and that of each image is recorded where it is from."""
    lines = parse_lines((folder / ".edgevision-label" / "log.jsonl").read_text(), "label_log")
    actions = [line["action"] for line in lines]
    assert actions.count("undo") == answered.undone
    assert actions.count("label") == answered.confirmed + answered.corrected + answered.undone
    pulled = parse_lines((folder / "pulled.jsonl").read_text(), "pulled")
    assert {line["camera"] for line in pulled} == {"film"}
