"""arm64 computes the same as x86: identical tensors, the same top answers, scores within the stated tolerance."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgevision.model_file import model_file

from .userland import Userland

HERE = Path(__file__).resolve().parent
INSIDE = "/repo/tests/emulated/arm64"
REAL = (
    ("mobilenet_v1_0.25_224_quant_with_metadata.tflite", 0.12),
    ("mobilenet_v1_0.25_224_float_with_metadata.tflite", 0.01),
)
"""Models with standard metadata, and their score tolerance: kernels round int8 differently, float hardly at all."""


@lru_cache
def _on_host(*command: str) -> str:
    return subprocess.run([sys.executable, *command], capture_output=True, text=True, check=True, timeout=600).stdout


def test_prepared_tensors_are_identical(userland: Userland) -> None:
    expected = json.loads(_on_host(str(HERE / "prepared_digests.py")))
    found = json.loads(userland.run(f"{INSIDE}/prepared_digests.py").stdout)
    assert len(expected) == 252
    assert len(set(expected.values())) > 200, "the cases must differ to be meaningful"
    different = [case for case in expected if expected[case] != found[case]]
    assert not different, f"{len(different)} of {len(expected)} differ: {different[:5]}"


def test_predictions_match_the_host(userland: Userland, place: Path) -> None:
    model = place / "model.tflite"
    test = model_file.read(model).card.selftest
    assert test is not None
    arguments = (f"{INSIDE}/answers.py", userland.inside(place / "photos"), userland.inside(model))
    found = json.loads(userland.run(*arguments).stdout)
    expected = json.loads(_on_host(str(HERE / "answers.py"), str(place / "photos"), str(model)))
    assert _compare(expected, found, test.tolerance) >= 6


@pytest.mark.parametrize(("name", "tolerance"), REAL)
def test_predictions_of_real_networks_on_photos_match_the_host(
    userland: Userland, place: Path, shared: Path, name: str, tolerance: float
) -> None:
    photos = place / "real"
    photos.mkdir(exist_ok=True)
    for photo in sorted((shared / "data" / "imagenet_sample").glob("*.jpg"))[::60][:8]:
        shutil.copy2(photo, photos)
    model = shared / "models" / name
    found = json.loads(userland.run(f"{INSIDE}/answers.py", userland.inside(photos), f"/shared/models/{name}").stdout)
    expected = json.loads(_on_host(str(HERE / "answers.py"), str(photos), str(model)))
    assert _compare(expected, found, tolerance) >= 2


def test_model_passes_its_self_test(userland: Userland, place: Path) -> None:
    said = userland.json("doctor", userland.inside(place / "model.tflite"))
    check = next(check for check in said["checks"] if check["name"] == "self-test")
    assert check["ok"], check


def test_model_with_other_results_fails_its_self_test(userland: Userland, place: Path) -> None:
    sick = place / "sick.tflite"
    whole = model_file.read(place / "model.tflite")
    assert whole.card.selftest is not None
    _write_with_other_answers(sick, whole)
    done = userland.edgevision("doctor", userland.inside(sick), code=3)
    assert "self-test" in done.stdout + done.stderr


def _write_with_other_answers(path: Path, whole: Any) -> None:
    """Write the same file with a model card that expects another top answer for each image."""
    from dataclasses import replace

    card = whole.card
    classes = len(card.labels)
    cases = tuple(case._replace(top=(case.top + 1) % classes) for case in card.selftest.cases)
    files = {name: data for name, data in whole.files.items() if name not in ("edgevision.json", "labels.txt")}
    model_file.write(path, whole.flatbuffer, replace(card, selftest=card.selftest._replace(cases=cases)), files)


def _compare(expected: Any, found: Any, tolerance: float) -> int:
    """Compare all scores; return how many images had a top answer that leads by more than kernels may change it."""
    clear = 0
    for model, pictures in expected.items():
        assert pictures.keys() == found[model].keys()
        for picture, scores in pictures.items():
            host, device = np.array(scores), np.array(found[model][picture])
            worst = float(np.abs(host - device).max())
            assert worst <= tolerance, f"{model}, {picture}: a score is off by {worst:.3f}"
            first, second = np.sort(host)[::-1][:2]
            if first - second > 2 * tolerance:
                clear += 1
                assert host.argmax() == device.argmax(), f"{model}, {picture}: another top answer"
    return clear
