"""The pre-training program: it learns, resumes after a kill, exports plain arrays, and reports errors in one line."""

from __future__ import annotations

import io
import json
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from contextlib import redirect_stderr
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from locations import ROOT

COLOURS = {"blue": (200, 40, 40), "green": (40, 200, 40), "red": (40, 40, 200)}
PER_CLASS = 16
EPOCHS = 3
STEPS = EPOCHS * 3 * PER_CLASS // 8
BASE_PARAMETERS = 410_208

pytestmark = pytest.mark.tensorflow


@dataclass(frozen=True, slots=True)
class Done:
    """The result of a command."""

    code: int
    stderr: str


@pytest.fixture(scope="module", autouse=True)
def tools_importable() -> Iterator[None]:
    """Make the tools importable from the root of the checkout, since they are not part of the installed package."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT))
        yield


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write three classes that are easy to distinguish to train/ and val/: 32x40 images of a noisy color."""
    root = tmp_path_factory.mktemp("photos")
    rng = np.random.default_rng(5)
    for split, count in (("train", PER_CLASS), ("val", 4)):
        for name, colour in COLOURS.items():
            (root / split / name).mkdir(parents=True)
            for i in range(count):
                noise = rng.integers(-40, 40, (32, 40, 3))
                picture = np.clip(np.array(colour) + noise, 0, 255).astype(np.uint8)
                assert cv2.imwrite(str(root / split / name / f"{i}.png"), picture)
    return root


@pytest.fixture(scope="module")
def finished(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with work/ and out/ of an uninterrupted run over two image sides."""
    folder = tmp_path_factory.mktemp("finished")
    done = _pretrain(*_train_arguments(photos, folder))
    assert done.code == 0, done.stderr
    return folder


def _train_arguments(photos: Path, folder: Path) -> list[str]:
    plan = ["--phases", "32:2,64:1", "--decay-epochs", "1", "--warmup-epochs", "0", "--peak-rate", "0.02"]
    return ["train", *_places(photos, folder), "--seed", "3", "--batch", "8", *plan]


def _places(photos: Path, folder: Path) -> list[str]:
    return ["--data", str(photos), "--work", str(folder / "work"), "--out", str(folder / "out")]


def _pretrain(*arguments: str) -> Done:
    from tools.pretrain.__main__ import main

    with redirect_stderr(io.StringIO()) as stderr:
        code = main(list(arguments))
    return Done(code, stderr.getvalue())


def _record(folder: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((folder / "out" / "record.json").read_text())
    return loaded


def _arrays(path: Path) -> dict[str, Any]:
    with np.load(path, allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files}


@pytest.mark.slow
def test_train_records_each_epoch_and_learns(finished: Path) -> None:
    record = _record(finished)
    assert record["epochs"] == EPOCHS
    assert record["steps"] == STEPS
    assert [epoch["side"] for epoch in record["history"]] == [32, 32, 64]
    assert record["data"]["train_pictures"] == 3 * PER_CLASS
    assert record["data"]["val_pictures"] == 12
    losses = [epoch["train_loss"] for epoch in record["history"]]
    assert losses[-1] < losses[0], losses


@pytest.mark.slow
def test_interrupted_epoch_gives_same_result(photos: Path, finished: Path, tmp_path: Path) -> None:
    arguments = _train_arguments(photos, tmp_path)
    assert _pretrain(*arguments, "--stop-after", "4").code == 0  # in the middle of the first epoch
    assert not (tmp_path / "out").exists()
    assert _pretrain(*arguments, "--stop-after", str(STEPS // EPOCHS + 1)).code == 0
    (ours,), theirs = _record(tmp_path)["history"], _record(finished)["history"][0]
    # equal except for the order in which threads add
    assert ours["train_loss"] == pytest.approx(theirs["train_loss"], abs=0.02)
    assert ours["val_accuracy"].keys() == theirs["val_accuracy"].keys()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "code"),
    [
        (signal.SIGKILL, -9),
        (signal.SIGINT, 130),
        (signal.SIGTERM, 0),
    ],
)
def test_killed_run_can_be_resumed(number: signal.Signals, code: int, photos: Path, tmp_path: Path) -> None:
    arguments = [*_train_arguments(photos, tmp_path), "--phases", "32:200", "--save-every", "0"]
    state = tmp_path / "work" / "state.npz"
    with subprocess.Popen([sys.executable, "-m", "tools.pretrain", *arguments], cwd=ROOT) as process:
        try:
            deadline = time.monotonic() + 300  # only a limit in case it hangs
            while not state.exists() and process.poll() is None and time.monotonic() < deadline:
                time.sleep(0.05)
            process.send_signal(number)
            assert process.wait(120) == code
        finally:
            process.kill()
    before = json.loads(_arrays(state)["progress.json"].tobytes())["total_steps"]
    assert before >= 1
    assert _pretrain(*arguments, "--stop-after", str(before + 2)).code == 0
    assert json.loads(_arrays(state)["progress.json"].tobytes())["total_steps"] == before + 2


@pytest.mark.slow
def test_export_loads_into_plain_backbone(photos: Path, finished: Path) -> None:
    done = _pretrain("export", *_places(photos, finished), "--description", "noisy colors", "--sides", "32,64")
    assert done.code == 0, done.stderr
    arrays = _arrays(finished / "out" / "starter.npz")
    card = json.loads((finished / "out" / "starter.card.json").read_text())
    assert card["parameters"] == BASE_PARAMETERS == sum(array.size for array in arrays.values())
    assert (finished / "out" / "starter.npz").stat().st_size < 1_000_000
    assert card["description"] == "noisy colors"
    for side in ("32", "64"):
        score = card["accuracy"][side]
        assert 0 <= score["low"] <= score["value"] <= score["high"] <= 1
        assert score["total"] == 12

    import keras

    plain = keras.applications.MobileNetV2(input_shape=(64, 64, 3), alpha=0.35, include_top=False, weights=None)
    assert {v.path: tuple(v.shape) for v in plain.variables} == {name: array.shape for name, array in arrays.items()}


def test_fast_network_computes_same_as_plain_one() -> None:
    import keras

    from tools.pretrain.model import Network, copied

    plain = keras.applications.MobileNetV2(
        input_shape=(64, 64, 3), alpha=0.35, include_top=False, weights=None, pooling="avg"
    )
    fast = Network(64, 3)
    rng = np.random.default_rng(0)
    values = {name: array * rng.uniform(0.8, 1.2, array.shape) for name, array in copied(fast.variables).items()}
    for name, array in values.items():  # ones and zeros in an untrained network; change them so that they matter
        if name.endswith("/moving_variance"):
            array *= 0.05
        elif name.endswith(("/beta", "/moving_mean")):
            array += rng.normal(0, 0.1, array.shape)
    fast.assign(values)
    for variable in plain.variables:
        variable.assign(values[variable.path])
    pictures = rng.integers(0, 256, (4, 64, 64, 3)).astype(np.uint8)
    expected = plain(pictures / 127.5 - 1.0, training=False).numpy()
    assert expected.std(axis=0).max() > 0.01, "the images make no difference"
    # such statistics also magnify rounding errors, to 1e-3 or 1e-2 depending on the CPU's kernels; a shift of one pixel
    # in the padding changes the features by 0.5 on average
    difference = np.abs(fast.features(pictures, training=False).numpy() - expected)
    assert difference.max() < 0.2
    assert difference.mean() < 0.02


def test_plan_command_changes_plan(tmp_path: Path) -> None:
    first = _pretrain("plan", "--work", str(tmp_path), "--phases", "64:2,96:4", "--decay-epochs", "3")
    second = _pretrain("plan", "--work", str(tmp_path), "--phases", "64:2,96:1")
    assert (first.code, second.code) == (0, 0)
    plan = json.loads((tmp_path / "plan.json").read_text())
    assert plan["phases"] == "64:2,96:1"
    assert plan["decay_epochs"] == 3


def test_learning_rate_warms_up_stays_and_decays_to_zero() -> None:
    from tools.pretrain.schedule import Plan

    plan = Plan(((64, 4), (96, 6)), decay_epochs=5, peak_rate=0.1, warmup_epochs=1)
    assert [plan.rate(p) for p in (0, 0.5, 1, 5, 10, 11)] == pytest.approx([0, 0.05, 0.1, 0.1, 0, 0])
    assert plan.rate(7.5) == pytest.approx(0.05)
    assert [plan.side(epoch) for epoch in (0, 3, 4, 9, 10)] == [64, 64, 96, 96, 96]


def test_zip_without_split_is_split_by_class(photos: Path, tmp_path: Path) -> None:
    from tools.pretrain.data import load

    archive = tmp_path / "photos.zip"
    with zipfile.ZipFile(archive, "w") as target:
        for path in sorted((photos / "train").rglob("*.png")):
            target.write(path, path.relative_to(photos / "train"))
        target.writestr("red/broken.png", b"not an image")
    pictures = load(archive, tmp_path / "work")
    assert pictures.classes == tuple(COLOURS)
    assert pictures.train.pictures.shape[1:] == (32, 32, 3)
    assert pictures.skipped == 1
    assert len(pictures.train.labels) + len(pictures.val.labels) == 3 * PER_CLASS
    assert set(pictures.val.labels.tolist()) == {0, 1, 2}
    for index, name in enumerate(COLOURS):
        mean = pictures.train.pictures[pictures.train.labels == index].mean(axis=(0, 1, 2))
        assert mean.argmax() == ("red", "green", "blue").index(name), "channels are not RGB"
    again = load(archive, tmp_path / "work")
    assert again.fingerprint == pictures.fingerprint


@pytest.mark.parametrize(
    ("phases", "reason"),
    [("64", "SIDE:EPOCHS"), ("50:1", "multiple of 32"), ("64:0", "SIDE:EPOCHS"), ("", "SIDE:EPOCHS")],
)
def test_bad_phases_are_a_one_line_error(phases: str, reason: str, tmp_path: Path) -> None:
    _assert_one_line(_pretrain("plan", "--work", str(tmp_path), "--phases", phases), reason)


def test_bad_sources_are_a_one_line_error(photos: Path, tmp_path: Path) -> None:
    text = tmp_path / "notes.txt"
    text.write_text("hello")
    for source, reason in (
        (tmp_path / "absent", "no such folder"),
        (text, "neither a folder nor a zip"),
        (photos / "train" / "red", "0 classes"),
    ):
        _assert_one_line(_pretrain("train", *_places(source, tmp_path / "run")), reason)


@pytest.mark.slow
def test_bad_states_are_a_one_line_error(photos: Path, finished: Path, tmp_path: Path) -> None:
    work = tmp_path / "work"
    work.mkdir()
    export = ("export", *_places(photos, tmp_path), "--description", "x")
    _assert_one_line(_pretrain(*export), "contains no state.npz")
    (work / "state.npz").write_bytes((finished / "work" / "state.npz").read_bytes()[:5000])
    _assert_one_line(_pretrain(*export), "not an .npz file")
    other_seed = [*_train_arguments(photos, finished)]
    other_seed[other_seed.index("--seed") + 1] = "4"
    _assert_one_line(_pretrain(*other_seed), "--seed 3")


def _assert_one_line(done: Done, reason: str) -> None:
    assert done.code == 1
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert done.stderr.startswith("pretrain: ")
    assert reason in done.stderr
