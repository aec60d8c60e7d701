"""Compatibility with MediaPipe, ML Kit and tflite-runtime: quick checks, and a comparison with the tools (slow)."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from changed_model import changed
from locations import HELPERS, ROOT

from edgevision.inspection.compatibility import Compatibility, judge
from edgevision.inspection.runtime_ops import CUSTOM, TFLITE_RUNTIME
from edgevision.model_file import model_file
from edgevision.model_file.card import ModelCard
from edgevision.preprocessing import decode
from edgevision.preprocessing.spec import Preprocessing
from edgevision.tflite import associated_files
from edgevision.types import Frame

DATA = ROOT / "tests" / "data"
TINY = (DATA / "tiny.tflite").read_bytes()
RULE = Preprocessing(16, 16, mean=(127.0,), std=(127.5,))
CARD = ModelCard("colours", "classification", RULE, ("red", "green", "blue"))


def int8_end(model: Any) -> None:
    """Remove the last operator, which converts int8 to uint8."""
    graph = model.subgraphs[0]
    last = graph.operators.pop()
    graph.outputs = list(last.inputs)


def relabelled(labels: bytes) -> bytes:
    """Return a file with standard metadata, without a card, and with other labels."""
    data = model_file.build(TINY, CARD)
    flatbuffer = data[: associated_files.split(data)[0]]
    return flatbuffer + associated_files.pack({"labels.txt": labels}, len(flatbuffer))


def new_operator(model: Any) -> None:
    model.operatorCodes[0].version = 99


def fed(**changes: Any) -> ModelCard:
    return CARD.with_(preprocessing=Preprocessing(16, 16, mean=(127.0,), std=(127.5,), **changes))


MEDIAPIPE: dict[str, tuple[Callable[[], bytes], str | None]] = {
    "whole": (lambda: model_file.build(TINY, CARD), None),
    "no labels": (lambda: model_file.build(TINY, CARD.with_(labels=())), None),
    "no metadata": (lambda: TINY, None),
    "crop": (lambda: model_file.build(TINY, fed(resize="crop")), None),
    "bgr": (lambda: model_file.build(TINY, fed(order="BGR")), "BGR"),
    "int8 output": (lambda: model_file.build(changed(int8_end), CARD), "int8 outputs are not supported"),
    "two labels": (lambda: relabelled(b"a\nb\n"), "2 labels for 3"),
}  # fmt: skip
"""For each file: how to make it, and why MediaPipe refuses it (None if it accepts it)."""


def judged(data: bytes, folder: Path) -> Compatibility:
    path = folder / "m.tflite"
    path.write_bytes(data)
    return judge(model_file.read(path))


@pytest.mark.parametrize("name", MEDIAPIPE)
def test_mediapipe_and_ml_kit_compatibility(name: str, tmp_path: Path) -> None:
    make, reason = MEDIAPIPE[name]
    found = judged(make(), tmp_path)
    for verdict in (found.mediapipe, found.mlkit):
        assert verdict.ok == (reason is None)
        assert verdict.reason is None if reason is None else reason in str(verdict.reason)
    assert found.tflite_runtime.ok


def test_differences_are_noted(tmp_path: Path) -> None:
    notes = judged(MEDIAPIPE["crop"][0](), tmp_path).mediapipe.notes
    assert notes == (
        "opens as ImageClassifier",
        "stretches the whole image, while this model's preprocessing uses crop",
    )
    logits = judged(model_file.build(TINY, CARD.with_(activation="logits", labels=())), tmp_path).mlkit.notes
    assert len(logits) == 2 and "no labels" in logits[0] and "raw outputs" in logits[1]
    # The preprocessing does not match the input's quantization, so other tools would feed different values.
    other = judged(model_file.build(TINY, CARD.with_(preprocessing=Preprocessing(16, 16))), tmp_path).mediapipe
    assert not other.ok and "go into the input unchanged" in str(other.reason)


def test_compatibility_of_other_tasks(tmp_path: Path) -> None:
    found = judged(model_file.build(TINY, CARD.with_(task="embedding", labels=(), activation="none")), tmp_path)
    assert found.mediapipe.ok and found.mediapipe.notes == ("opens as ImageEmbedder",)
    assert (
        not found.mlkit.ok and found.mlkit.reason == "only classifiers are supported, but this model is for embedding"
    )
    segmenter = judged((DATA / "segmenter.tflite").read_bytes(), tmp_path)
    assert "int64 outputs" in str(segmenter.mediapipe.reason)
    detector = judged((DATA / "detector.tflite").read_bytes(), tmp_path)
    assert "need metadata" in str(detector.mediapipe.reason) and detector.tflite_runtime.ok


def test_unsupported_operator_version_is_named(tmp_path: Path) -> None:
    found = judged(changed(new_operator), tmp_path).tflite_runtime
    name = model_file.read(tmp_path / "m.tflite").graph().operators[0].name
    assert found.reason == f"version 2.14 does not support {name} version 99 (only up to {TFLITE_RUNTIME[name]})"
    assert found.to_json() == {"ok": False, "reason": found.reason, "notes": []}
    assert not CUSTOM & set(TFLITE_RUNTIME)


@pytest.mark.slow
@pytest.mark.parametrize("name", MEDIAPIPE)
def test_mediapipe_agrees(name: str, tmp_path: Path) -> None:
    python = ROOT / ".cache" / "envs" / "mediapipe" / "bin" / "python"
    if not python.exists():
        pytest.skip("no environment with MediaPipe; create it with: make env-mediapipe")
    make, reason = MEDIAPIPE[name]
    (tmp_path / "m.tflite").write_bytes(make())
    (tmp_path / "p.png").write_bytes(decode.encode_png(Frame(np.full((16, 16, 3), 90, np.uint8))))
    command = [
        str(python),
        str(HELPERS / "mediapipe_child.py"),
        str(tmp_path / "m.tflite"),
        str(tmp_path / "p.png"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert (done.returncode == 0) == (reason is None), done.stderr


@pytest.mark.slow
def test_operator_table_matches_the_runtime() -> None:
    python = ROOT / ".cache" / "envs" / "tflite-runtime" / "bin" / "python"
    if not python.exists():
        pytest.skip("no environment with tflite-runtime; create it with: make env-tflite-runtime")
    command = [str(python), str(ROOT / "tools" / "operator_versions.py")]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True, env=environment)
    said = {name: int(highest) for name, _, highest in map(str.split, done.stdout.splitlines())}
    assert said == TFLITE_RUNTIME
