"""The demo: its parts one by one, and the whole chain as a user runs it (slow)."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest
from documents import parse
from edgevision.convert.demo.contact_sheet import COLUMNS, TilePrediction, choose, write_contact_sheet
from edgevision.convert.demo.options import CLASSES, DemoOptions, DemoSizes
from edgevision.convert.demo.run import run_demo
from edgevision.convert.demo.run_loop import LoopFailed, run_loop
from edgevision.convert.demo.training import RULE, read_folders, train
from edgevision.convert.demo.video import write_clip
from edgevision.convert.keras_files.embedded_card import save_keras
from edgevision.convert.synthetic import draw_set
from edgevision.convert.training.monitor.observer import TrainingObserver
from edgevision.convert.training.network import starter_weights

from edgevision.errors import CannotWrite, GateNotMet
from edgevision.model_file.card import ModelCard
from edgevision.preprocessing import decode, transform
from edgevision.types import Label

TINY = DemoSizes(train=8, val=4, test=8, size=64, epochs=1, rounds=1, frames=2)


def test_video_shows_every_class_equally_often_and_labels_each_frame(tmp_path: Path) -> None:
    steps: list[int] = []
    clip = write_clip(tmp_path / "clip.avi", CLASSES, 0, rounds=2, frames=3, step=lambda: steps.append(1))
    assert Counter(clip.labels) == dict.fromkeys(CLASSES, 6)
    video = cv2.VideoCapture(str(clip.path))
    frames = []
    while (found := video.read())[0]:
        frames.append(found[1])
    assert len(frames) == len(clip.labels) == len(steps) == 30
    assert frames[0].shape == (360, 480, 3)
    # Within a passage the object moves over the same background; between two passages everything changes.
    within = np.abs(frames[0].astype(int) - frames[1]).mean()
    between = np.abs(frames[2].astype(int) - frames[3]).mean()
    assert 0 < within < between


def test_video_is_deterministic_by_seed(tmp_path: Path) -> None:
    one = write_clip(tmp_path / "1.avi", CLASSES, (5, 3), rounds=1, frames=1)
    two = write_clip(tmp_path / "2.avi", CLASSES, (5, 3), rounds=1, frames=1)
    other = write_clip(tmp_path / "3.avi", CLASSES, (6, 3), rounds=1, frames=1)
    assert one.labels == two.labels
    assert one.path.read_bytes() == two.path.read_bytes() != other.path.read_bytes()


def test_video_that_cannot_be_written_raises_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(CannotWrite, match="cannot write the video"):
        write_clip(tmp_path / "absent" / "clip.avi", CLASSES, 0, rounds=1, frames=1)


@pytest.fixture
def answers(tmp_path: Path) -> list[TilePrediction]:
    """Return predictions that are wrong for the last image of each class only."""
    draw_set(tmp_path, ["apple", "mug"], 10, seed=0, size=64)
    found = []
    for name, wrong in (("apple", "mug"), ("mug", "apple")):
        paths = decode.find(tmp_path / name)
        found += [TilePrediction(path, name, Label(0, name, 0.9)) for path in paths[:-1]]
        found.append(TilePrediction(paths[-1], name, Label(1, wrong, 0.6)))
    return found


def test_contact_sheet_shows_mistakes_first(answers: list[TilePrediction]) -> None:
    rows = choose(answers)
    assert [row[0].path.name for row in rows] == ["0009.jpg", "0009.jpg"]
    assert [[answer.right for answer in row] for row in rows] == [[False] + [True] * (COLUMNS - 1)] * 2
    assert [answer.path.name for answer in rows[0][1:]] == [f"{n:04d}.jpg" for n in range(COLUMNS - 1)]


def test_contact_sheet_frames_correct_in_green_and_wrong_in_red(answers: list[TilePrediction], tmp_path: Path) -> None:
    sheet = tmp_path / "contact.png"
    write_contact_sheet(sheet, answers, "18 of 20 right")
    frame = decode.read(sheet)
    assert frame.width > 1000
    top = frame.pixels[:, : frame.width // COLUMNS]
    rest = frame.pixels[:, frame.width // COLUMNS :]
    red, green = (40, 40, 198), (55, 127, 26)
    assert _count(top, red) > 500 > _count(top, green)
    assert _count(rest, green) > 3000 > _count(rest, red)


def _count(pixels: np.ndarray, colour: tuple[int, int, int]) -> int:
    """Count the pixels of very nearly this color, BGR."""
    return int((np.abs(pixels.astype(int) - colour).max(axis=-1) <= 2).sum())


def test_contact_sheet_with_few_images_leaves_gaps(answers: list[TilePrediction], tmp_path: Path) -> None:
    write_contact_sheet(tmp_path / "few.png", answers[:3], "few")
    frame = decode.read(tmp_path / "few.png")
    assert (frame.pixels[-40:, frame.width // 2 :] == 255).all()


def test_failing_loop_raises_one_clear_error(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.avi", CLASSES, 0, rounds=1, frames=1)
    with pytest.raises(LoopFailed, match=r"the loop on .*clip\.avi failed: .*absent\.tflite") as caught:
        run_loop(tmp_path / "absent.tflite", clip, tmp_path)
    assert "Traceback" not in str(caught.value)
    assert not (tmp_path / "run.jsonl").exists()


def test_training_images_use_the_standard_preprocessing(tmp_path: Path) -> None:
    draw_set(tmp_path, ["apple", "mug"], 3, seed=0, size=64)
    found = read_folders(tmp_path, ["apple", "mug"])
    assert found.pixels.shape == (6, RULE.height, RULE.width, 3)
    assert found.labels.tolist() == [0, 0, 0, 1, 1, 1]
    fourth = decode.read(tmp_path / "mug" / "0000.jpg")
    assert np.array_equal(found.pixels[3], transform.pixels(fourth, RULE))


class _Steps(TrainingObserver):
    """Training observer that records the epochs."""

    def __init__(self) -> None:
        self.epochs: list[tuple[str, int]] = []

    def begin(self, phase: str, epoch: int, epochs: int, steps: int) -> None:
        self.epochs.append((phase, epoch))


@pytest.mark.tensorflow
@pytest.mark.slow
def test_training_starts_from_the_starter_weights_and_saves_a_model_with_its_card(tmp_path: Path) -> None:
    names = ["banana", "grapes"]
    draw_set(tmp_path / "train", names, 24, seed=0, size=96)
    learn = read_folders(tmp_path / "train", names)
    steps = _Steps()
    trained = train(learn, learn, names, 2, 0, steps)
    assert list(dict.fromkeys(phase for phase, _ in steps.epochs)) == ["head", "fine-tune"]
    assert len(trained.history) == len(steps.epochs)
    assert trained.val_accuracy > 0.9
    # Below the fine-tuned blocks the weights are unchanged.
    with np.load(starter_weights.find().path, allow_pickle=False) as stored:
        first = trained.keras.get_layer("Conv1").get_weights()[0]
        np.testing.assert_array_equal(first, stored["Conv1/kernel"].astype("float32"))
    card = ModelCard(name="two", task="classification", preprocessing=RULE, labels=tuple(names))
    path = tmp_path / "model.keras"
    save_keras(trained.keras, card, path)
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        assert ModelCard.loads(archive.read("edgevision.json")) == card
        assert "adam" not in archive.read("config.json").decode().lower()
    assert [other.name for other in tmp_path.iterdir() if other.name.startswith(".")] == []
    _same_after_loading(path, trained.keras, learn.pixels[:2])


def _same_after_loading(path: Path, network: object, pixels: np.ndarray) -> None:
    import keras

    real = pixels.astype(np.float32) / 127.5 - 1.0
    loaded = keras.saving.load_model(path)
    assert np.allclose(loaded(real), network(real), atol=1e-6)  # type: ignore[operator]


@pytest.mark.slow
@pytest.mark.tensorflow
def test_whole_chain_reaches_the_accuracy_goal(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "edgevision", "demo", "--json", "--quiet", "--runs", "r"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=1800, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    report = parse(done.stdout, "demo")
    folder = tmp_path / "r" / "demo-1"
    assert report == parse((folder / "report.json").read_text(), "demo")
    assert report["schema"] == "edgevision.demo/1"
    assert report["int8"]["accuracy"]["value"] >= 0.97
    assert report["gate"]["met"] is True
    assert report["loop"]["frames"] == report["loop"]["accuracy"]["total"] == 200
    assert report["loop"]["accuracy"]["value"] >= 0.9
    assert report["int8"]["bytes"] == (folder / "model.tflite").stat().st_size < report["float"]["bytes"] / 2
    assert all((tmp_path / path).exists() for path in report["files"].values())
    record = parse((folder / "run.json").read_text(), "run_folder")
    assert (record["exit_code"], set(record["outputs"])) == (
        0,
        {"model.keras", "model.tflite", "contact.png", "clip.avi", "report.json"},
    )


@pytest.mark.slow
@pytest.mark.tensorflow
def test_missed_goal_is_recorded_and_reported(tmp_path: Path) -> None:
    report = run_demo(DemoOptions(runs=tmp_path, plan=TINY))
    assert not report.ok
    with pytest.raises(GateNotMet, match=r"correct on \d+\.\d % of the held-out images, below the demo's goal of 97 %"):
        report.require_goal()
    assert parse((tmp_path / "demo-1" / "run.json").read_text(), "run_folder")["exit_code"] == 3
    assert parse((tmp_path / "demo-1" / "report.json").read_text(), "demo")["gate"]["met"] is False
