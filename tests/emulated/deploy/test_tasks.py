"""A model for anomalies on a device: installed by the bundle that deploy builds, it runs there and finds what is unusual."""

from __future__ import annotations

import base64
import json
import shlex
from pathlib import Path
from typing import Any

from small_anomaly import blue_ground_model, ground

from .device import FOLDER, EmulatedDevice, until

RELEASE = "/opt/edgevision/current"
IMAGES = {"good": ground(), "spot": ground((40, 60, 120, 140))}


def test_model_for_anomalies_is_installed_and_runs(device: EmulatedDevice, tmp_path: Path) -> None:
    files = {"ground.tflite": blue_ground_model(tmp_path).read_bytes()}
    files |= {f"{name}.jpg": jpeg for name, jpeg in IMAGES.items()}
    for name, data in files.items():
        text = base64.b64encode(data).decode()
        device.run(f"printf %s {shlex.quote(text)} | base64 -d > {FOLDER}/{name}")
    sent = f"--camera test: --wheels {FOLDER}/wheels --min-fps 0 --time-limit 600"
    found = device.deployed("{host} ground.tflite " + sent)
    assert found["state"] == "confirmed" and found["release"]["to"].startswith("ground-")
    until("the service", lambda: device.status()["service"]["state"] == "active (running)")
    said = {name: seen(device, name) for name in IMAGES}
    assert not said["good"]["is_anomalous"] and said["good"]["box"] is None
    assert said["spot"]["is_anomalous"] and said["spot"]["box"] == [40.0, 60.0, 120.0, 140.0]


def seen(device: EmulatedDevice, name: str) -> dict[str, Any]:
    """Return what the device's own edgevision says of an image with the installed model."""
    run = f"{RELEASE}/venv/bin/python -m edgevision run {RELEASE}/model.tflite --source {FOLDER}/{name}.jpg --json"
    line = device.run(f"cd / && {run} 2>/dev/null").splitlines()[0]
    return dict(json.loads(line)["anomaly"])
