"""``edgevision run --camera picamera:0`` as started by a user, on the real picamera2."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parents[3]
COMMAND = [sys.executable, "-m", "virtual_camera", "edgevision"]


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the tiny model, which recognizes red, green and blue, with its model card."""
    folder = tmp_path_factory.mktemp("model")
    path, labels = folder / "tiny.tflite", folder / "labels.txt"
    labels.write_text("red\ngreen\nblue\n")
    card = ["card", str(REPO / "tests" / "data" / "tiny.tflite"), "--resize", "stretch", "--labels", str(labels)]
    subprocess.run([*COMMAND, *card, "-o", str(path)], check=True, timeout=120)
    return path


def test_run_recognizes_what_the_camera_shows(model: Path) -> None:
    command = [*COMMAND, "run", str(model), "--camera", "picamera:0", "--json", "--limit", "20"]
    # The upper left quarter of the image is red, which the tiny model knows.
    done = subprocess.run(
        [*command, "--roi", "0.1,0.1,0.3,0.3"], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    frames = [line for line in lines if line["type"] == "frame"]
    assert len(frames) == 20
    assert {frame["labels"][0]["name"] for frame in frames} == {"red"}
    assert all(0 <= frame["age_ms"] < 60_000 for frame in frames)


def test_sigterm_ends_the_loop_cleanly_and_frees_the_camera(model: Path) -> None:
    for _ in range(2):
        command = [*COMMAND, "run", str(model), "--camera", "picamera:0", "--json"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            for _ in range(5):
                assert json.loads(process.stdout.readline())["type"] == "frame"
            process.send_signal(signal.SIGTERM)
            _, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors
        assert "Traceback" not in errors
