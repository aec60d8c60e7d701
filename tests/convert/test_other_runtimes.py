"""Converted real networks give the same results in MediaPipe Tasks and tflite-runtime 2.14 as here.

Requires `make env-mediapipe env-tflite-runtime`, and the real models and photos.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from documents import parse
from locations import HELPERS, ROOT

from edgevision import open_model
from edgevision.engines.interpreter import Interpreter, open_interpreter
from edgevision.model_file import model_file
from edgevision.preprocessing import decode, transform
from edgevision.types import Frame

ENVIRONMENTS = ROOT / ".cache" / "envs"
NETWORKS = ("mobilenet_v1_0.25_224_imagenet", "mobilenet_v2_1.0_224_imagenet")
COUNT = 200

pytestmark = [pytest.mark.slow, pytest.mark.tensorflow]


def environment(name: str) -> str:
    """Return the Python of a separate environment."""
    python = ENVIRONMENTS / name / "bin" / "python"
    if not python.exists():
        pytest.skip(f"no environment for {name}; create it with: make env-{name}")
    return str(python)


@pytest.fixture(scope="module", params=NETWORKS)
def converted(request: pytest.FixtureRequest, shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Convert a real network as a user would: with repair and labels."""
    output = tmp_path_factory.mktemp("converted") / "m.tflite"
    models = shared / "models"
    options = ["--labels", models / "imagenet_labels_1001.txt", "--calibration", shared / "data" / "imagenet_sample"]
    command = [sys.executable, "-m", "edgevision", "convert", models / f"{request.param}.h5", *options, "-o", output]
    done = subprocess.run([*map(str, command), "--json"], capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == 0, done.stderr
    document = parse(done.stdout, "convert")
    assert document["all_int8"] and document["repair"]["steps"]
    assert all(found["ok"] for found in document["compatibility"].values())
    return output


def photos(shared: Path, count: int) -> list[Path]:
    found = sorted((shared / "data" / "imagenet_sample").glob("*.jpg"))
    return found[:: len(found) // count][:count]


def scores(model: Interpreter, pixels: np.ndarray) -> np.ndarray:
    """Return the stored scores for an image's bytes."""
    return np.asarray(model.infer(pixels[np.newaxis])[0]).reshape(-1)


def test_mediapipe_gives_same_top_class(converted: Path, shared: Path, tmp_path: Path) -> None:
    """The images have the model's size, since MediaPipe resizes differently. Ties may come in any order."""
    python = environment("mediapipe")
    file = model_file.read(converted)
    assert file.card is not None
    cut = [transform.pixels(decode.read(path), file.card.preprocessing) for path in photos(shared, COUNT)]
    paths = [tmp_path / f"{number}.png" for number in range(COUNT)]
    for path, pixels in zip(paths, cut, strict=True):
        path.write_bytes(decode.encode_png(Frame(pixels)))
    command = [python, str(HELPERS / "mediapipe_child.py"), str(converted), *map(str, paths)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr
    theirs = [json.loads(line)[0] for line in done.stdout.splitlines() if line.startswith("[")]
    model = open_interpreter(file.flatbuffer)
    same = sum(_agree(scores(model, pixels), top, file.card.labels) for pixels, top in zip(cut, theirs, strict=True))
    print(f"{converted.parent.name}: {same} of {COUNT} images with the same top class in MediaPipe")
    assert same == COUNT


def test_binary_classifier_opens_in_mediapipe(tmp_path: Path) -> None:
    """`train` ends a two-class network in one sigmoid, but MediaPipe requires one score per label."""
    from edgevision.convert import backend
    from edgevision.convert.pipeline import ConvertOptions, convert

    python, keras = environment("mediapipe"), backend.keras()
    layers = keras.layers
    body = [
        layers.Rescaling(1 / 127.5, -1.0),
        layers.Conv2D(8, 3, strides=2),
        layers.ReLU(6.0),
        layers.GlobalAveragePooling2D(),
    ]
    keras.Sequential([keras.Input((32, 32, 3)), *body, layers.Dense(1, activation="sigmoid")]).save(
        tmp_path / "m.keras"
    )
    chance = np.random.default_rng(3)
    paths = [tmp_path / f"{number}.png" for number in range(20)]
    for path in paths:
        drawn = np.clip(chance.normal(chance.integers(30, 220, 3), 40, (32, 32, 3)), 0, 255)
        path.write_bytes(decode.encode_png(Frame(drawn.astype(np.uint8))))
    (tmp_path / "labels.txt").write_text("cat\ndog\n")
    made = convert(
        ConvertOptions(tmp_path / "m.keras", tmp_path, labels=tmp_path / "labels.txt", output=tmp_path / "m.tflite")
    )
    assert made.compatibility.mediapipe.ok
    done = subprocess.run(
        [python, str(HELPERS / "mediapipe_child.py"), str(made.path), *map(str, paths)],
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    theirs = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("[")]
    with open_model(made.path) as model:
        for path, found in zip(paths, theirs, strict=True):
            ours = {label.name: label.score for label in model.predict(decode.read(path)).labels}
            assert {one["name"]: one["score"] for one in found} == pytest.approx(ours, abs=1e-4)


def _agree(stored: np.ndarray, top: dict[str, Any], labels: tuple[str, ...]) -> bool:
    best = np.flatnonzero(stored == stored.max())
    return (
        top["index"] in best and top["name"] == labels[top["index"]] and abs(top["score"] - stored.max() / 256) < 1e-4
    )


def test_tflite_runtime_gives_nearly_same_top_class_as_litert(converted: Path, shared: Path) -> None:
    """Runs with numpy 1. Kernels round differently, so only nearly all top classes agree (measured: 93 to 99 of 100)."""
    python = environment("tflite-runtime")
    paths = photos(shared, 100)
    command = [python, str(HELPERS / "tflite_runtime_child.py"), str(converted), *map(str, paths)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr
    theirs = json.loads(done.stdout.splitlines()[-1])
    assert theirs["runtime"] == "tflite-runtime 2.14.0" and theirs["numpy"].startswith("1.")
    assert theirs["selftest"], theirs["said"]
    with open_model(converted) as model:
        ours = [model.predict(decode.read(path)).top for path in paths]
    same = sum(top is not None and top.index == found[0] for top, found in zip(ours, theirs["answers"], strict=True))
    print(f"{converted.parent.name}: {same} of 100 same top class in tflite-runtime; self-test: {theirs['said']}")
    assert same >= 80
