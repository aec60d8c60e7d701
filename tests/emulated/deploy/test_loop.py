"""The loop once from end to end: a device collects, a person labels, the training continues, the device gets the result."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from closed_loop import FEW_EPOCHS, KNOWN, NETWORK, NEW, SWAPPED, draw_film, label_on_page
from documents import parse
from ports import free_port

from tools.emulation.host import REPO

from .device import FOLDER, USER, EmulatedDevice

HERE = "/srv/loop"
"""Folder on the computer that trains."""
RELEASE = "/opt/edgevision/current"
DRAW = "import closed_loop as c, pathlib; c.draw_photos(pathlib.Path('photos')); c.draw_film(pathlib.Path('film.avi'))"
FEW = shlex.join(FEW_EPOCHS)
SENT = f"--camera test: --min-fps 0 --time-limit 600 --wheels {FOLDER}/wheels"


class Computer:
    """The computer beside the device, which has TensorFlow."""

    def __init__(self, device: EmulatedDevice) -> None:
        self._device = device
        helpers = f"PYTHONPATH={shlex.quote(str(REPO / 'tests' / 'helpers'))}"
        device.run(f"mkdir -p {HERE} && cd {HERE} && {helpers} {shlex.quote(sys.executable)} -c {shlex.quote(DRAW)}")

    def run(self, arguments: str, code: int = 0) -> str:
        """Run an edgevision command; return what it printed."""
        return self._device.run(f"cd {HERE} && {self._device.edgevision} {arguments} 2>&1", code)

    def proposal(self, number: int) -> dict[str, Any]:
        """Return the proposal of a training."""
        return parse(self._device.run(f"cat {HERE}/runs/train-{number}/proposal.json"), "proposal")

    @contextmanager
    def labeling(self, folder: str) -> Iterator[int]:
        """Serve ``edgevision label`` until the end of the block; yield its port."""
        port = free_port()
        label = f"{self._device.edgevision} label {folder} --model first.tflite --page 127.0.0.1:{port}"
        self._device.run(f"systemd-run --quiet --unit=label-{folder} --working-directory={HERE} {label}")
        try:
            yield port
        finally:
            self._device.run(f"systemctl kill -s INT label-{folder}")


def test_model_gets_better_where_it_runs_and_wrong_labels_are_caught(device: EmulatedDevice, tmp_path: Path) -> None:
    computer = Computer(device)
    computer.run(f"train photos {shlex.join(NETWORK)} {FEW}")
    computer.run("convert runs/train-1/model.keras --calibration photos -o first.tflite --quiet")
    device.deploy("{host} " + f"{HERE}/first.tflite --full {SENT}")

    film = f"--source {HERE}/film.avi --collect seen --camera-name film --quiet"
    on_device = f"{RELEASE}/venv/bin/python -m edgevision run {RELEASE}/model.tflite {film}"
    device.run(f"su - {USER} -c {shlex.quote(on_device)}")
    for folder in ("good", "poisoned"):
        computer.run(f"pull {device.host}:seen --port {device.port} -o {folder}")
    scenes = draw_film(tmp_path / "film.avi")

    with computer.labeling("poisoned") as port:
        label_on_page(port, scenes, SWAPPED)
    said = computer.run(f"train poisoned --from runs/train-1 {FEW}", code=3)
    assert "runs/train-2/refused.keras is refused as" in said.splitlines()[-1]
    assert not computer.proposal(2)["accepted"]

    with computer.labeling("good") as port:
        answered = label_on_page(port, scenes)
    assert answered.confirmed and answered.corrected and answered.undone == 1
    computer.run(f"train good --from runs/train-1 {FEW}")
    proposal = computer.proposal(3)
    assert proposal["accepted"]
    convert, deploy = proposal["next"]
    assert deploy == f"edgevision deploy {device.host} runs/train-3/model.tflite"
    computer.run(f"{convert.removeprefix('edgevision ')} --quiet")
    assert labels_on(device) == list(KNOWN)
    found = device.deployed("{host} " + f"{HERE}/runs/train-3/model.tflite --min-fps 0")
    assert found["state"] == "confirmed"
    assert found["uploaded_bytes"] < 1_000_000  # the model alone
    assert labels_on(device) == [*KNOWN, NEW]


def labels_on(device: EmulatedDevice) -> list[str]:
    """Return the labels of the model that the device runs."""
    said = device.run(f"cd / && {RELEASE}/venv/bin/python -m edgevision inspect {RELEASE}/model.tflite --json")
    return list(json.loads(said)["card"]["labels"])
