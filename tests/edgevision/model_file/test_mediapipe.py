"""Our model files open in MediaPipe Tasks with labels and give the same results; requires `make env-mediapipe`."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from locations import HELPERS, ROOT, TESTS

from edgevision import open_model
from edgevision.inspection import add_card
from edgevision.preprocessing import decode, transform
from edgevision.preprocessing.spec import Preprocessing
from edgevision.types import Frame, Prediction

PYTHON = ROOT / ".cache" / "envs" / "mediapipe" / "bin" / "python"
COLOURS = ((255, 0, 0), (0, 255, 0), (0, 0, 255), (200, 180, 30), (30, 160, 170))

pytestmark = pytest.mark.slow


@pytest.fixture
def mediapipe() -> Path:
    """Return the Python of the environment with MediaPipe."""
    if not PYTHON.exists():
        pytest.skip("no environment with MediaPipe; create it with: make env-mediapipe")
    return PYTHON


def has_card(source: Path, folder: Path, labels: Path, **wish: Any) -> Path:
    """Write a copy with a model card and standard metadata; return its path."""
    path = folder / "carded.tflite"
    add_card.write(add_card.new_card(source, add_card.CardOptions(labels=labels, resize="stretch", **wish)), path)
    return path


def answers(python: Path, model: Path, files: list[Path]) -> list[list[dict[str, Any]]]:
    """Return MediaPipe's labels for each image, best first."""
    command = [str(python), str(HELPERS / "mediapipe_child.py"), str(model), *map(str, files)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("[")]


def same_answer(ours: Prediction, theirs: list[dict[str, Any]]) -> None:
    """Check that the top label and score are the same; ties may come in any order."""
    top = ours.top
    assert top is not None
    tied = [label for label in ours.labels if label.score == top.score]
    assert (theirs[0]["index"], theirs[0]["name"]) in [(label.index, label.name) for label in tied]
    assert theirs[0]["score"] == pytest.approx(top.score, abs=1e-4)


def test_tiny_model_gives_same_results(mediapipe: Path, tmp_path: Path) -> None:
    labels = tmp_path / "labels.txt"
    labels.write_text("red\ngreen\nblue\n", encoding="utf-8")
    model = has_card(TESTS / "data" / "tiny.tflite", tmp_path, labels)
    frames = [Frame(np.full((16, 16, 3), colour, np.uint8), "RGB") for colour in COLOURS]
    theirs = answers(mediapipe, model, written(frames, tmp_path))
    assert len(theirs) == len(frames)
    assert [found[0]["name"] for found in theirs[:3]] == ["red", "green", "blue"]
    with open_model(model) as opened:
        for frame, found in zip(frames, theirs, strict=True):
            same_answer(opened.predict(frame), found)


@pytest.mark.parametrize("name", ["mobilenet_v2_1.0_224_quant", "mobilenet_v1_0.25_224_float_with_metadata"])
def test_real_models_give_same_results(shared: Path, mediapipe: Path, tmp_path: Path, name: str) -> None:
    labels = shared / "models" / "imagenet_labels_1001.txt"
    model = has_card(shared / "models" / f"{name}.tflite", tmp_path, labels)
    # MediaPipe resizes differently, so the images already have the model's size.
    preprocessing = Preprocessing(width=224, height=224, resize="stretch")
    files = sorted((shared / "data" / "imagenet_sample").glob("*.jpg"))[::25]
    frames = [Frame(transform.pixels(decode.read(path), preprocessing), "RGB") for path in files]
    theirs = answers(mediapipe, model, written(frames, tmp_path))
    assert len(theirs) == len(frames) == 20
    with open_model(model) as opened:
        for frame, found in zip(frames, theirs, strict=True):
            same_answer(opened.predict(frame), found)


def written(frames: list[Frame], folder: Path) -> list[Path]:
    """Write the frames as PNG files; return their paths."""
    files = [folder / f"{number}.png" for number in range(len(frames))]
    for path, frame in zip(files, frames, strict=True):
        path.write_bytes(decode.encode_png(frame))
    return files
