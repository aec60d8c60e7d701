"""Our detectors open in MediaPipe Tasks and give the same objects, with the outputs in either order (slow).

Calibrated scores are the same, too. Requires `make env-mediapipe`.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from locations import HELPERS, ROOT

from edgevision import open_model
from edgevision.inspection import add_card
from edgevision.model_file import model_file
from edgevision.preprocessing import decode
from edgevision.tflite import associated_files, metadata_buffer, metadata_writer
from edgevision.tflite.metadata import AssociatedFile, Metadata, ProcessUnit, TensorMetadata
from edgevision.types import Frame

PYTHON = ROOT / ".cache" / "envs" / "mediapipe" / "bin" / "python"
THRESHOLD = 0.2
SCORES_AT = {"detector": 2, "detector_other_order": 0}
"""Number of the output with the scores, by model."""
CALIBRATION = b"0.8,2.0,0.5\n1,1,0,0.9\n\n"

pytestmark = pytest.mark.slow


@pytest.fixture
def mediapipe() -> Path:
    """Return the Python of the environment with MediaPipe."""
    if not PYTHON.exists():
        pytest.skip("no environment with MediaPipe; create it with: make env-mediapipe")
    return PYTHON


def has_card(source: Path, folder: Path) -> Path:
    """Write a copy with a model card and standard metadata; return its path."""
    labels, path = folder / "labels.txt", folder / "carded.tflite"
    labels.write_text("red\ngreen\nblue\n", encoding="utf-8")
    add_card.write(add_card.new_card(source, add_card.CardOptions(labels=labels, resize="stretch")), path)
    return path


def answers(python: Path, model: Path, picture: Path) -> list[dict[str, Any]]:
    """Return MediaPipe's objects, best first."""
    command = [str(python), str(HELPERS / "mediapipe_detector_child.py"), str(model), str(THRESHOLD), str(picture)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("[")]
    found: list[dict[str, Any]] = json.loads(line)
    return found


def calibrated(source: Path, folder: Path, output: int) -> Path:
    """Write a copy with a score calibration in its standard metadata; return its path."""
    unit = ProcessUnit("score_calibration", transformation="log", default_score=-1.0)
    outputs = [TensorMetadata() for _ in model_file.read(source).outputs]
    outputs[output] = TensorMetadata(units=(unit,), files=(AssociatedFile("calibration.csv", "score_calibration"),))
    flatbuffer = metadata_buffer.with_metadata(
        source.read_bytes(), metadata_writer.build(Metadata(outputs=tuple(outputs)))
    )
    path = folder / "calibrated.tflite"
    path.write_bytes(flatbuffer + associated_files.pack({"calibration.csv": CALIBRATION}, len(flatbuffer)))
    return path


@pytest.mark.parametrize("name", list(SCORES_AT))
@pytest.mark.parametrize("with_calibration", [False, True])
def test_small_detectors_give_same_objects(
    mediapipe: Path, data: Path, tmp_path: Path, name: str, with_calibration: bool
) -> None:
    source = data / f"{name}.tflite"
    if with_calibration:
        source = calibrated(source, tmp_path, SCORES_AT[name])
    model, picture = has_card(source, tmp_path), tmp_path / "picture.png"
    pixels = np.zeros((8, 8, 3), np.uint8)
    pixels[0, 0, 0], pixels[2, 2, 1], pixels[4, 4, 2], pixels[6, 6, 1] = 204, 205, 230, 240
    frame = Frame(pixels)
    picture.write_bytes(decode.encode_png(frame))
    theirs = answers(mediapipe, model, picture)
    with open_model(model, threads=1) as ours:
        found = ours.predict(frame, threshold=THRESHOLD).objects
    assert len(found) == (2 if with_calibration else 4)
    assert [o["name"] for o in theirs] == [o.name for o in found]
    assert [o["box"] for o in theirs] == [pytest.approx(o.box, abs=0.01) for o in found]
    assert [o["score"] for o in theirs] == [pytest.approx(o.score, abs=1e-5) for o in found]


def test_real_detector_gives_nearly_same_object(mediapipe: Path, shared: Path, tmp_path: Path) -> None:
    picture = shared / "data" / "pictures" / "cat_720p.jpg"
    source, labels = shared / "models" / "coco_ssd_mobilenet_v1_1.0_quant_with_metadata.tflite", shared / "models"
    path = tmp_path / "carded.tflite"
    add_card.write(add_card.new_card(source, add_card.CardOptions(labels=labels / "coco_labels.txt")), path)
    theirs = answers(mediapipe, path, picture)[0]
    with open_model(path, threads=1) as ours:
        best = ours.predict(decode.read(picture)).objects[0]
    assert theirs["name"] == best.name == "cat"
    # MediaPipe resizes without antialiasing, so the results are close but not equal.
    assert theirs["score"] == pytest.approx(best.score, abs=0.05)
    assert theirs["box"] == pytest.approx(best.box, abs=40)
