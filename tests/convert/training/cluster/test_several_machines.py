"""A training on two machines, each a process of its own on loopback: equal to one machine, and what happens if one is lost."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from documents import parse
from ports import free_port
from small_training import make_photos

pytestmark = [pytest.mark.tensorflow, pytest.mark.slow]
# Scratch: dropout, every kind of augmentation, and batches that two machines share unequally.
SCRATCH = (
    "--backbone=cnn", "--weights=none", "--image-size=16", "--cnn-filters=8,8", "--cnn-dense=16", "--epochs=3",
    "--batch-size=13", "--learning-rate=0.01", "--augment=strong",
)  # fmt: skip
# Head: features of augmented copies, computed in parts.
HEAD = ("--backbone=mobilenet_v2", "--weights=starter", "--image-size=32", "--quality=fast", "--head-epochs=3")
TIMEOUT_S = 900.0


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return drawn photos of three classes."""
    return make_photos(tmp_path_factory.mktemp("photos") / "three", ("blue", "green", "red"), 30)


def _machines(count: int) -> list[str]:
    """Return the TF_CONFIG of each of ``count`` machines on free ports of this one."""
    cluster = {"worker": [f"127.0.0.1:{free_port()}" for _ in range(count)]}
    return [json.dumps({"cluster": cluster, "task": {"type": "worker", "index": index}}) for index in range(count)]


def _start(config: str, folder: Path, *options: str | Path) -> subprocess.Popen[str]:
    """Start a training in ``folder`` on the machine of a TF_CONFIG."""
    folder.mkdir(exist_ok=True)
    environ = {**os.environ, "TF_CONFIG": config, "TF_NUM_INTRAOP_THREADS": "1", "PYTHONUNBUFFERED": "1"}
    return subprocess.Popen(
        [sys.executable, "-m", "edgevision", "train", *map(str, options)],
        cwd=folder,
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _together(tmp_path: Path, *options: str | Path, count: int = 2) -> list[tuple[int, str, str]]:
    """Run a training on some machines; return exit code, stdout and stderr of each."""
    started = [_start(config, tmp_path / f"machine{rank}", *options) for rank, config in enumerate(_machines(count))]
    try:
        said = [one.communicate(timeout=TIMEOUT_S) for one in started]
    finally:
        for one in started:
            one.kill()
    return [(one.returncode, *text) for one, text in zip(started, said, strict=True)]


def _history(folder: Path) -> np.ndarray:
    """Return losses and accuracies of each epoch."""
    with (folder / "history.csv").open() as stream:
        names = ("loss", "accuracy", "val_loss", "val_accuracy")
        return np.array([[float(row[name]) for name in names] for row in csv.DictReader(stream)])


def _weights(folder: Path) -> list[np.ndarray]:
    import keras

    return [np.asarray(one) for one in keras.models.load_model(folder / "model.keras", compile=False).get_weights()]


@pytest.mark.parametrize("options", [SCRATCH, HEAD], ids=["scratch", "head"])
def test_two_machines_equal_one(options: tuple[str, ...], photos: Path, tmp_path: Path) -> None:
    both = _together(tmp_path, photos, *options, "--json")
    assert [one[0] for one in both] == [0, 0], both
    result, helper = parse(both[0][1], "train"), parse(both[1][1], "train_worker")
    assert Path(helper["chief_folder"]).name == "train-1" and helper["epochs"] == result["epochs"] == 3
    assert not list((tmp_path / "machine1").iterdir())
    (tmp_path / "alone").mkdir()
    alone = _together(tmp_path / "alone", photos, *options, count=1)
    assert alone[0][0] == 0, alone
    together, single = tmp_path / "machine0/runs/train-1", tmp_path / "alone/machine0/runs/train-1"
    np.testing.assert_allclose(_history(together), _history(single), rtol=2e-4, atol=2e-5)
    for found, wanted in zip(_weights(together), _weights(single), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-3, atol=2e-4)


def test_machines_with_other_settings_refuse(photos: Path, tmp_path: Path) -> None:
    first, second = _machines(2)
    started: list[Any] = [
        _start(first, tmp_path / "a", photos, *SCRATCH),
        _start(second, tmp_path / "b", photos, *SCRATCH, "--batch-size=16"),
    ]
    try:
        errors = [one.communicate(timeout=TIMEOUT_S)[1] for one in started]
    finally:
        for one in started:
            one.kill()
    assert [one.returncode for one in started] == [1, 1]
    for text in errors:
        assert "has --batch-size 16, but the chief" in text.splitlines()[-1]
    assert not list((tmp_path / "a").iterdir())


def test_a_lost_machine_ends_the_others_and_the_training_resumes(photos: Path, tmp_path: Path) -> None:
    first, second = _machines(2)
    options = (photos, *SCRATCH, "--epochs=4000", "--patience=10000", "-o", tmp_path / "run")
    chief, helper = _start(first, tmp_path / "a", *options), _start(second, tmp_path / "b", *options)
    try:
        assert helper.stderr is not None
        for line in helper.stderr:
            if line.startswith("epoch"):
                break
        helper.send_signal(signal.SIGKILL)
        said = chief.communicate(timeout=TIMEOUT_S)[1]
    finally:
        chief.kill()
        helper.kill()
    assert chief.returncode == 5
    last = said.splitlines()[-1]
    assert "machine 2 of 2" in last and f"--resume {tmp_path / 'run'}" in last
    assert (tmp_path / "run/checkpoint.npz").exists()
    done = len(_history(tmp_path / "run"))
    text = (tmp_path / "run/config.toml").read_text()
    (tmp_path / "run/config.toml").write_text(text.replace("epochs = 4000", f"epochs = {done + 2}"))
    both = _together(tmp_path, "--resume", tmp_path / "run")
    assert [one[0] for one in both] == [0, 0], both
    assert len(_history(tmp_path / "run")) == done + 2
