"""Training on real photos with real weights; takes minutes, so slow tests. Checks the documented accuracies."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from edgevision.convert.training.config.settings import TrainSettings
from edgevision.convert.training.monitor.observer import TrainingObserver
from edgevision.convert.training.report.result import TrainResult
from edgevision.convert.training.run import TrainRequest, train
from locations import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.tensorflow]
V1, V2 = "mobilenet_v1_0.25_224_imagenet.h5", "mobilenet_v2_1.0_224_imagenet.h5"


@pytest.fixture(scope="module")
def photos(shared: Path) -> Path:
    """Return the folder of 2,000 training and 500 test photos."""
    return shared / "data" / "cats_and_dogs"


def _train(photos: Path, runs: Path, **settings: Any) -> TrainResult:
    return train(TrainRequest(photos, TrainSettings(**settings), runs), TrainingObserver())


def _accuracy(result: TrainResult) -> float:
    assert result.evaluation is not None
    return result.evaluation.metrics.accuracy.value


def test_mobilenet_v2_reaches_its_minimum_accuracy(photos: Path, shared: Path, tmp_path: Path) -> None:
    result = _train(photos, tmp_path, weights=str(shared / "models" / V2))
    assert result.learning.counts() == {"train": 1800, "val": 200, "test": 500}
    assert _accuracy(result) >= 0.98


def test_small_mobilenet_v1_and_its_int8_model_reach_their_accuracy(photos: Path, shared: Path, tmp_path: Path) -> None:
    """At least 95 %, with int8 within one percentage point."""
    from edgevision.convert.pipeline import ConvertOptions, convert

    from edgevision.evaluation.options import EvaluateOptions
    from edgevision.evaluation.request import prepare, run

    result = _train(photos, tmp_path, backbone="mobilenet", weights=str(shared / "models" / V1))
    assert _accuracy(result) >= 0.95
    report = convert(ConvertOptions(model=result.model, calibration=photos / "train", runs=tmp_path))
    request = EvaluateOptions(report.path, photos, compare=result.model, split="test", runs=tmp_path)
    done, _ = run(request, prepare(request))
    assert done.comparison is not None
    assert abs(done.comparison.change.value) <= 0.01


def test_training_on_fifty_photos_per_class_beats_a_linear_head(photos: Path, shared: Path) -> None:
    """Three draws of fifty photos, scored together on the same photos as the baseline."""
    program = ROOT / "benchmarks" / "train_floor.py"
    command = [sys.executable, str(program), str(photos), "--weights", str(shared / "models" / V1), "--few-only"]
    command += ["--backbone", "mobilenet", "--train", "--seeds", "3"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=3000, check=True)
    found = re.search(r"all seeds together.*difference ([+-][\d.]+)", done.stdout)
    assert found is not None, done.stdout
    assert float(found.group(1)) > 0


def test_small_cnn_from_scratch_learns_and_reports_overfitting(photos: Path, tmp_path: Path) -> None:
    result = _train(photos, tmp_path, backbone="cnn", image_size=64, weights="none", augment="none")
    assert _accuracy(result) >= 0.72
    assert "The network overfits" in (result.folder / "report.html").read_text()


def _start(photos: Path, runs: Path, weights: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "edgevision", "train", str(photos), "--runs", str(runs), "--backbone", "mobilenet"]
    command += ["--weights", str(weights), "--epochs", "3", "--head-epochs", "3", "--augment-copies", "2"]
    return subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)


def _few(photos: Path, folder: Path) -> Path:
    """Link a hundred photos of each class into a folder."""
    for name in ("cats", "dogs"):
        (folder / name).mkdir(parents=True)
        for path in sorted((photos / "train" / name).iterdir())[:100]:
            os.symlink(path, folder / name / path.name)
    return folder


def _weights(folder: Path) -> list[Any]:
    import keras

    return list(keras.models.load_model(folder / "model.keras", compile=False).get_weights())


@pytest.mark.parametrize(("how", "code"), [(signal.SIGKILL, -signal.SIGKILL), (signal.SIGINT, 130)])
def test_resumed_training_equals_an_uninterrupted_one(
    photos: Path, shared: Path, tmp_path: Path, how: signal.Signals, code: int
) -> None:
    few, weights = _few(photos, tmp_path / "few"), shared / "models" / V1
    whole = _start(few, tmp_path / "whole", weights)
    whole.communicate(timeout=600)
    assert whole.returncode == 0
    cut = _start(few, tmp_path / "cut", weights)
    assert cut.stderr is not None
    for line in cut.stderr:
        if line.startswith("epoch   4"):
            break
    time.sleep(0.5)  # into the fifth epoch
    cut.send_signal(how)
    rest = cut.communicate(timeout=100)[1]
    assert cut.returncode == code
    folder = tmp_path / "cut" / "train-1"
    if how == signal.SIGINT:
        assert f"to continue, run: edgevision train --resume {folder}" in rest
    again = subprocess.run(
        [sys.executable, "-m", "edgevision", "train", "--resume", str(folder)], timeout=600, check=False
    )
    assert again.returncode == 0
    for one, other in zip(_weights(folder), _weights(tmp_path / "whole" / "train-1"), strict=True):
        np.testing.assert_array_equal(one, other)


def test_training_uses_several_gpus(photos: Path, tmp_path: Path) -> None:
    """Two virtual CPU devices stand in for two GPUs."""
    code = f"""
import tensorflow as tf
from pathlib import Path
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
listed, mirrored = tf.config.list_physical_devices, tf.distribute.MirroredStrategy
tf.config.list_physical_devices = lambda kind=None: ["GPU:0", "GPU:1"] if kind == "GPU" else listed(kind)
tf.distribute.MirroredStrategy = lambda: mirrored(["CPU:0", "CPU:1"])
from edgevision.convert import TrainSettings, train
settings = TrainSettings(
    backbone="cnn", weights="none", image_size=32, cnn_filters=(8, 8), cnn_dense=8, epochs=3, precision="float32"
)
result = train({str(_few(photos, tmp_path / "few"))!r}, settings, runs={str(tmp_path)!r})
print(len(result.history), result.evaluation is not None)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.split()[-2:] == ["3", "True"]
