"""Training end to end: small real models in seconds, their run folders, interruptions and errors."""

from __future__ import annotations

import csv
import json
import shutil
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import edgevision.convert
import numpy as np
import pytest
from documents import parse
from edgevision.convert import TrainSettings
from small_training import TINY, make_photos, noting, picture, run

from edgevision.errors import BadInput, EdgeVisionError, MissingFile, OutputExists
from edgevision.files.run_folder import dump

pytestmark = pytest.mark.tensorflow


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return image folders of two classes that differ in color."""
    return make_photos(tmp_path_factory.mktemp("photos") / "two", ("blue", "red"), 30)


@pytest.fixture(scope="module")
def trained(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Return one finished training that several tests inspect, run through the public function."""
    settings = replace(TINY, h5=True, tensorboard=True)
    return edgevision.convert.train(str(photos), settings, runs=str(tmp_path_factory.mktemp("runs")))


def _history(folder: Path) -> list[dict[str, str]]:
    with (folder / "history.csv").open() as stream:
        return list(csv.DictReader(stream))


def test_run_folder_is_complete(trained: Any) -> None:
    names = {path.name for path in trained.folder.iterdir()}
    assert trained.folder.name == "train-1"
    assert names >= {
        "model.keras", "model.h5", "labels.txt", "split.csv", "history.csv", "metrics.json", "config.toml", "run.json",
        "curves.png", "confusion.png", "samples.png", "report.html", "data.json",
    }  # fmt: skip
    assert "checkpoint.npz" not in names
    assert (trained.folder / "labels.txt").read_text() == "blue\nred\n"
    record = parse((trained.folder / "run.json").read_text(), "run_folder")
    assert record["exit_code"] == 0
    assert set(record["outputs"]) == {n for n in names if (trained.folder / n).is_file()} - {"run.json"}
    result = parse(dump(trained.to_json()), "train")
    assert parse((trained.folder / "metrics.json").read_text(), "evaluate") == result["metrics"]
    parse((trained.folder / "data.json").read_text(), "data_check")


def test_output_is_the_run_folder(photos: Path, tmp_path: Path) -> None:
    out, settings = tmp_path / "new" / "out", replace(TINY, epochs=1)
    first = run(photos, tmp_path / "runs", settings, output=out)
    assert first.folder == out and first.model == out / "model.keras"
    assert not (tmp_path / "runs").exists()
    before = (out / "run.json").read_text()
    with pytest.raises(OutputExists, match=r"out is not empty; give another folder with -o"):
        run(photos, tmp_path / "runs", settings, output=out)
    assert (out / "run.json").read_text() == before


def test_overwriting_a_run_folder_starts_again_and_keeps_other_files(photos: Path, tmp_path: Path) -> None:
    for name in ("checkpoint.npz", "split.csv", "data.json", "model.h5", "mine.txt"):
        (tmp_path / name).write_text("left from before")
    done = run(photos, tmp_path / "runs", replace(TINY, epochs=1), output=tmp_path, overwrite=True)
    names = {path.name for path in done.folder.iterdir()}
    assert names >= {"model.keras", "split.csv", "mine.txt"}
    assert not names & {"checkpoint.npz", "model.h5"}
    record = parse((tmp_path / "run.json").read_text(), "run_folder")
    assert record["exit_code"] == 0
    assert set(record["outputs"]) == names - {"run.json", "mine.txt"}


def test_output_that_holds_the_photos_is_refused(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for folder, said in ((photos, "is an input of the training"), (tmp_path / "file", "is a file; give a folder")):
        with pytest.raises(OutputExists, match=said):
            run(photos, tmp_path / "runs", TINY, output=folder, overwrite=True)


def test_training_learns(trained: Any) -> None:
    assert trained.evaluation.metrics.accuracy.value >= 0.8
    rows = _history(trained.folder)
    assert float(rows[-1]["loss"]) < float(rows[0]["loss"])
    assert [int(row["epoch"]) for row in rows] == list(range(1, len(rows) + 1))


def test_history_has_the_documented_columns(trained: Any) -> None:
    header = (trained.folder / "history.csv").read_text().splitlines()[0]
    assert header.startswith("epoch,phase,seconds,lr,loss,accuracy,val_loss,val_accuracy")
    assert {row["phase"] for row in _history(trained.folder)} == {"scratch"}
    assert all("flip horizontal" in row["applied"] for row in _history(trained.folder))


def test_model_card_is_complete_and_contains_no_paths(trained: Any) -> None:
    from edgevision.convert.keras_files.scan import scan

    for name in ("model.keras", "model.h5"):
        card = scan(trained.folder / name).card
        assert card is not None
        assert (card.labels, card.task, card.activation) == (("blue", "red"), "classification", "sigmoid")
        assert (card.preprocessing.width, card.preprocessing.mean, card.preprocessing.std) == (16, (127.5,), (127.5,))
        assert card.training is not None
        assert card.training["data"]["pictures"] == {"train": 48, "val": 6, "test": 6}
        assert str(trained.folder.parent) not in card.dumps()
        assert str(trained.photos) not in card.dumps()
    assert parse((trained.folder / "model.card.json").read_text(), "card")["schema"] == "edgevision.card/2"


def test_metrics_equal_those_of_evaluate_on_the_test_split(trained: Any, tmp_path: Path) -> None:
    """For the run folder and for its .h5 model."""
    from edgevision.evaluation.options import EvaluateOptions
    from edgevision.evaluation.request import prepare
    from edgevision.evaluation.request import run as evaluate

    metrics = parse((trained.folder / "metrics.json").read_text(), "evaluate")
    assert metrics["schema"] == "edgevision.evaluate/1"
    assert metrics["data"]["split"] == "test"
    for model in (trained.folder, trained.folder / "model.h5"):
        request = EvaluateOptions(model, trained.photos, runs=tmp_path)
        done, _ = evaluate(request, prepare(request))
        again = done.to_json()
        assert again["data"]["split"] == "test"
        for key in ("accuracy", "per_class", "confusion", "labels", "task", "preprocessing"):
            assert again[key] == metrics[key]


def test_split_lists_every_image_once(trained: Any) -> None:
    with (trained.folder / "split.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert len({row["path"] for row in rows}) == len(rows) == 60
    assert {row["split"] for row in rows} == {"train", "val", "test"}


def test_report_is_one_self_contained_page(trained: Any) -> None:
    text = (trained.folder / "report.html").read_text()
    assert text.count("data:image/png;base64,") >= 3
    assert 'src="http' not in text and "href=" not in text
    assert 'name="viewport"' in text
    assert "test images correct" in text


def test_config_reproduces_the_training(trained: Any, tmp_path: Path) -> None:
    """The same seed gives the same model twice."""
    from edgevision.convert.training.config import config_file

    values, named = config_file.read(trained.folder / "config.toml")
    assert named == str(trained.photos)
    again = run(trained.photos, tmp_path, TrainSettings(**values))
    strip = ("seconds",)
    for first, second in zip(_history(trained.folder), _history(again.folder), strict=True):
        assert {k: v for k, v in first.items() if k not in strip} == {k: v for k, v in second.items() if k not in strip}
    assert _weights(again.model) == _weights(trained.model)
    assert (again.folder / "config.toml").read_text() == (trained.folder / "config.toml").read_text()


def test_tensorboard_logs_are_written(trained: Any) -> None:
    assert list((trained.folder / "tensorboard").rglob("events.out.tfevents.*"))


def test_threshold_of_unknown_is_chosen_and_stored(trained: Any, photos: Path, tmp_path: Path) -> None:
    """With enough images, on those that were not trained on; with few, not at all."""
    from edgevision.convert.keras_files.scan import scan

    assert trained.threshold is None  # 6 validation and 6 test images
    many = make_photos(tmp_path / "many", ("blue", "red"), 150)
    watcher = noting()
    result = run(many, tmp_path / "runs", replace(TINY, epochs=2), watcher)
    card = scan(result.model).card
    assert card is not None and card.threshold is not None and card.threshold == result.threshold.value
    assert card.training is not None and card.training["threshold"]["parts"] == ["val"]
    assert parse(card.dumps(), "card")["training"]["threshold"]["pictures"] == 30
    assert parse(json.dumps(result.to_json()), "train")["threshold"]["value"] == card.threshold
    assert "reported as" in (result.folder / "report.html").read_text()


def test_photos_are_checked_before_the_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from edgevision.convert.training import run as module

    monkeypatch.setattr(module, "decide", lambda *_: pytest.fail("looked for weights first"))
    with pytest.raises(MissingFile, match="absent"):
        run(tmp_path / "absent", tmp_path / "runs")


def test_public_function_refuses_bad_arguments(photos: Path, tmp_path: Path) -> None:
    train = edgevision.convert.train
    with pytest.raises(edgevision.UsageError, match="no photos given"):
        train()
    with pytest.raises(edgevision.UsageError, match="omit photos and settings"):
        train(photos, resume=tmp_path)
    with pytest.raises(edgevision.MissingFile):
        train(tmp_path / "absent", runs=tmp_path)
    with pytest.raises(edgevision.BadInput, match=r"dropout: expected a number from 0 to 0\.9, got 5"):
        train(photos, edgevision.convert.TrainSettings(dropout=5.0), runs=tmp_path)
    with pytest.raises(edgevision.BadInput, match=r"backbone: expected one of .*did you mean 'mobilenet_v2'"):
        train(photos, edgevision.convert.TrainSettings(backbone="mobilenetv2"), runs=tmp_path)
    assert not list(tmp_path.iterdir()), "nothing is written"


def test_finished_run_cannot_be_resumed(trained: Any) -> None:
    from edgevision.convert.training.run import resumed

    with pytest.raises(BadInput, match="is finished"):
        resumed(trained.folder)


def _weights(model: Path) -> list[bytes]:
    import keras

    return [array.tobytes() for array in keras.models.load_model(model, compile=False).get_weights()]


class _Power:
    """Interruption of a training in a given step of an epoch."""

    def __init__(self, epoch: int, step: int) -> None:
        self.left = step
        self.epoch = epoch

    def watcher(self) -> Any:
        from edgevision.convert.training.monitor.observer import TrainingObserver

        power = self

        class Cutting(TrainingObserver):
            now = 0

            def begin(self, phase: str, epoch: int, epochs: int, steps: int) -> None:
                self.now = epoch if phase != "head" else 0

            def step(self, loss: float, accuracy: float) -> None:
                if self.now == power.epoch:
                    power.left -= 1
                    if power.left == 0:
                        raise KeyboardInterrupt

        return Cutting()


def _interrupt(photos: Path, runs: Path, settings: TrainSettings, epoch: int) -> Path:
    with pytest.raises(KeyboardInterrupt) as caught:
        run(photos, runs, settings, _Power(epoch, 2).watcher())
    (folder,) = runs.iterdir()
    assert caught.value.__notes__ == [f"to continue, run: edgevision train --resume {folder}"]
    assert parse((folder / "run.json").read_text(), "run_folder")["exit_code"] == 130
    return folder


def _resume(folder: Path) -> Any:
    return edgevision.convert.train(resume=folder)


@pytest.fixture
def every_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Write a checkpoint after each epoch, however short."""
    from edgevision.convert.training.fit import epochs as loop

    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", 0.0)


@pytest.mark.parametrize("epoch", [1, pytest.param(4, marks=pytest.mark.slow)])
def test_interrupted_training_gives_the_same_model(
    trained: Any, tmp_path: Path, epoch: int, every_epoch: None, caplog: pytest.LogCaptureFixture
) -> None:
    """Bit for bit, with or without an existing checkpoint."""
    folder = _interrupt(trained.photos, tmp_path, TINY, epoch)
    assert (folder / "checkpoint.npz").exists() == (epoch > 1)
    with caplog.at_level("INFO", "edgevision.train"):
        again = _resume(folder)
    last = f"epoch {len(trained.history):3d}  scratch"  # it ends early, because nothing is wrong any more
    assert any(message.startswith(last) for message in caplog.messages)
    assert again.folder == folder
    assert _weights(again.model) == _weights(trained.model)
    assert len(_history(folder)) == len(_history(trained.folder))


def test_run_cannot_be_resumed_with_changed_images(photos: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(photos, tmp_path / "photos")
    folder = _interrupt(copy, tmp_path / "runs", TINY, 1)
    cv2.imwrite(str(copy / "red" / "000.png"), picture("red", 500))
    with pytest.raises(BadInput, match="has changed since"):
        _resume(folder)


def test_damaged_checkpoint_raises_one_line(photos: Path, tmp_path: Path, every_epoch: None) -> None:
    folder = _interrupt(photos, tmp_path, TINY, 3)
    whole = (folder / "checkpoint.npz").read_bytes()
    (folder / "checkpoint.npz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(BadInput, match=r"is damaged .*delete it to restart this run"):
        _resume(folder)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a file that serves as pretrained weights."""
    from edgevision.convert.training.network.backbones import BackboneSpec, build

    path = tmp_path_factory.mktemp("base") / "base.h5"
    build(BackboneSpec("mobilenet", 32, 0.25)).save(path)
    return path


@pytest.fixture
def two_phases(base: Path) -> TrainSettings:
    """Return settings of a short training that starts with a frozen base."""
    return TrainSettings(
        backbone="mobilenet",
        weights=str(base),
        image_size=32,
        head_epochs=2,
        epochs=3,
        fine_tune_blocks=2,
        augment_copies=2,
    )


def test_two_phase_training_from_a_weights_file(
    photos: Path, tmp_path: Path, base: Path, two_phases: TrainSettings
) -> None:
    """The frozen part stays unchanged, the rest is trained."""
    done = run(photos, tmp_path, replace(two_phases, features="once"))
    rows = _history(done.folder)
    assert [row["phase"] for row in rows] == ["head", "head", "fine-tune", "fine-tune", "fine-tune"]
    assert all("once over 2 copies" in row["applied"] for row in rows)
    _frozen_stayed(base, done.model)


@pytest.mark.slow
def test_interruption_in_the_second_phase_gives_the_same_model(
    photos: Path, tmp_path: Path, two_phases: TrainSettings, every_epoch: None
) -> None:
    whole = run(photos, tmp_path / "whole", two_phases)
    folder = _interrupt(photos, tmp_path / "cut", two_phases, 2)
    assert _weights(_resume(folder).model) == _weights(whole.model)


def test_second_phase_with_live_augmentation(
    photos: Path, tmp_path: Path, base: Path, two_phases: TrainSettings
) -> None:
    done = run(photos, tmp_path, two_phases)
    rows = _history(done.folder)
    assert ["once over 2 copies" in row["applied"] for row in rows] == [True, True, False, False, False]
    assert all("augmented differently in each epoch" in row["applied"] for row in rows[2:])
    _frozen_stayed(base, done.model)


def _frozen_stayed(weights: Path, model: Path) -> None:
    from edgevision.convert.keras_files import weight_arrays

    before, after = weight_arrays.read(weights), weight_arrays.read(model)
    same = {
        name for name in before if all(np.array_equal(a, b) for a, b in zip(before[name], after[name], strict=True))
    }
    assert {"conv1", "conv_pw_11", "conv_pw_11_bn"} <= same
    assert before.keys() <= after.keys()
    assert "scores" in after


def test_training_ends_within_its_time_on_a_slower_machine(photos: Path, tmp_path: Path) -> None:
    """With a clock that runs ten times as fast after the first epoch."""
    from edgevision.convert.training.monitor.observer import TrainingObserver
    from edgevision.convert.training.run import TrainRequest, train

    class Slower(TrainingObserver):
        now, pace = 0.0, 1.0
        notes: tuple[str, ...] = ()

        def clock(self) -> float:
            self.now += 0.01
            return self.now

        def step(self, loss: float, accuracy: float | None = None) -> None:
            self.now += self.pace

        def note(self, text: str) -> None:
            self.notes += (text,)

        def end(self, row: Any, kept: bool) -> None:
            self.pace = 10.0

    machine = Slower()
    request = TrainRequest(photos, replace(TINY, epochs=40, time_s=200.0, patience=40), tmp_path)
    done = train(request, machine, machine.clock)
    assert any(line.startswith("time: ") and "at most 3 min (--time)" in line for line in machine.notes)
    assert 4 <= len(done.history) <= 8
    assert machine.now < 240.0
    assert done.history[-1].lr < 0.2 * max(row.lr for row in done.history), "the rate falls although the end came early"
    assert 'time = "200s"' in (done.folder / "config.toml").read_text()


def test_training_with_several_labels_per_image(tmp_path: Path) -> None:
    kinds = ("red", "green", "blue+red", "red+green", "white+blue")
    folder = make_photos(tmp_path / "photos", kinds, 24)
    rows = [f"{kind}/{n:03d}.png,{kind.replace('+', '|')}" for kind in kinds for n in range(24)]
    table = folder / "labels.csv"
    table.write_text("path,label\n" + "\n".join(rows) + "\n")
    watcher = noting()
    done = run(table, tmp_path / "runs", TINY, watcher)
    assert done.learning.goal.kind == "multilabel"
    assert any("any number of labels per image" in line for line in watcher.notes)
    metrics = parse((done.folder / "metrics.json").read_text(), "evaluate")
    assert metrics["task"] == "multilabel"
    assert metrics["labels"] == ["blue", "green", "red", "white"]
    assert np.array(metrics["confusion"]).shape == (4, 2, 2)


def test_training_on_a_zip_with_its_own_split(tmp_path: Path) -> None:
    """train/ and test/ are given; val is taken from train, and test stays as it is."""
    made = make_photos(tmp_path / "photos" / "train", ("blue", "green", "red"), 20)
    make_photos(made.parent / "test", ("blue", "green", "red"), 24)
    for path in (made.parent / "test").rglob("0[01]*.png"):
        path.unlink()  # same images as in train
    archive = tmp_path / "photos.zip"
    with zipfile.ZipFile(archive, "w") as file:
        for path in sorted(made.parent.rglob("*.png")):
            file.write(path, path.relative_to(made.parent.parent))
    done = run(archive, tmp_path / "runs", TINY)
    counts = done.learning.counts()
    assert counts["test"] == 12
    assert counts["train"] + counts["val"] == 60
    assert done.learning.goal.kind == "multiclass"
    assert np.array(parse((done.folder / "metrics.json").read_text(), "evaluate")["confusion"]).sum() == 12


def test_bad_images_are_skipped_and_listed(photos: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(photos, tmp_path / "photos")
    good = cv2.imencode(".jpg", picture("red", 900, 64))[1].tobytes()
    (copy / "red" / "cut.jpg").write_bytes(good[: len(good) // 2])
    (copy / "red" / "note.txt").write_text("not an image")
    cv2.imwrite(str(copy / "blue" / "deep.png"), picture("blue", 901).astype(np.uint16) * 257)
    watcher = noting()
    done = run(copy, tmp_path / "runs", TINY, watcher)
    assert [one.path for one in done.learning.skipped if one.path.endswith("cut.jpg")]
    assert any("cut.jpg" in line for line in watcher.notes)
    assert any(
        "deep.png" in item.path
        for part in (done.learning.train, done.learning.val, done.learning.test)
        for item in part
    )
    with pytest.raises(EdgeVisionError) as caught:
        run(copy, tmp_path / "runs", replace(TINY, strict=True))
    assert caught.value.exit_code == 3


def _one_class(folder: Path) -> Path:
    return make_photos(folder, ("red",), 5)


def _one_picture(folder: Path) -> Path:
    make_photos(folder, ("red",), 5)
    return make_photos(folder / ".." / "p2", ("blue",), 1) and _merge(folder)


def _merge(folder: Path) -> Path:
    shutil.move(str(folder.parent / "p2" / "blue"), str(folder / "blue"))
    return folder


def _text_files(folder: Path) -> Path:
    for name in ("a", "b"):
        (folder / name).mkdir(parents=True)
        (folder / name / "x.txt").write_text("hello")
    return folder


def _text_as_pictures(folder: Path) -> Path:
    for name in ("a", "b"):
        (folder / name).mkdir(parents=True)
        for number in range(3):
            (folder / name / f"{number}.jpg").write_text("hello")
    return folder


def _empty(folder: Path) -> Path:
    folder.mkdir()
    return folder


def _missing_files(folder: Path) -> Path:
    folder.mkdir()
    table = folder / "labels.csv"
    table.write_text("path,label\n" + "".join(f"{n}.jpg,{'ab'[n % 2]}\n" for n in range(6)))
    return table


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (_empty, "is empty"),
        (_one_class, "only one class, 'red'"),
        (_one_picture, "too few images to train on in 'blue' \\(1\\)"),
        (_text_files, "contains no images"),
        (_text_as_pictures, "none of the 6 images in"),
        (_missing_files, "[0-9].jpg"),
        (lambda folder: folder / "none", "images not found"),
    ],
)
def test_unusable_photos_raise_one_line(make: Callable[[Path], Path], said: str, tmp_path: Path) -> None:
    with pytest.raises(EdgeVisionError, match=said) as caught:
        run(make(tmp_path / "photos"), tmp_path / "runs")
    assert "\n" not in str(caught.value)


def test_the_public_function_trains_on_one_machine(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = {"cluster": {"worker": ["a:1", "b:1"]}, "task": {"type": "worker", "index": 0}}
    monkeypatch.setenv("TF_CONFIG", json.dumps(cluster))
    with pytest.raises(BadInput, match=r"names 2 machines, but edgevision\.convert\.train needs one"):
        edgevision.convert.train(str(photos), TINY)


def test_mixed_precision_training_saves_a_float32_model(photos: Path, tmp_path: Path) -> None:
    import keras

    done = run(photos, tmp_path, replace(TINY, precision="mixed", epochs=2))
    model = keras.models.load_model(done.model, compile=False)
    assert {str(weight.dtype) for weight in model.weights} == {"float32"}
    assert {layer.compute_dtype for layer in model.layers} == {"float32"}
    assert keras.config.dtype_policy().name == "float32"
