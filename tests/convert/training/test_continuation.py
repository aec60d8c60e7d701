"""Training that continues from a model: what stays, what is refused, and what the proposal says."""

from __future__ import annotations

import csv
import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from command_line import edgevision
from documents import parse
from edgevision.convert import TrainSettings
from small_training import make_photos, noting, picture, run

from edgevision.errors import BadInput, BadModel
from edgevision.files.run_folder import dump

pytestmark = pytest.mark.tensorflow
SHORT = TrainSettings(epochs=3, head_epochs=3, learning_rate=0.01, batch_size=32, augment="none")


def _photos(folder: Path, first: int, count: int, **kinds: str) -> Path:
    """Write ``count`` images per label, each of what ``kinds`` says."""
    for label, kind in kinds.items():
        (folder / label).mkdir(parents=True, exist_ok=True)
        for number in range(first, first + count):
            cv2.imwrite(str(folder / label / f"{label}-{number}.png"), picture(kind, number))
    return folder


@pytest.fixture(scope="module")
def earlier(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Return a finished training of two classes whose 24 test images it answers well."""
    folder = tmp_path_factory.mktemp("earlier")
    done = run(make_photos(folder / "photos", ("blue", "red"), 120), folder / "runs")
    assert done.evaluation.metrics.accuracy.value > 0.9
    return done


@pytest.fixture(scope="module")
def continued(earlier: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Return a training that continued from it with new photos and a new class."""
    folder = tmp_path_factory.mktemp("continued")
    photos = _photos(folder / "new", 1000, 30, blue="blue", red="red", amber="green")
    return run(photos, folder / "runs", replace(SHORT, from_run=str(earlier.folder)))


def _rows(folder: Path) -> dict[str, dict[str, str]]:
    with (folder / "split.csv").open() as stream:
        return {row["path"]: row for row in csv.DictReader(stream)}


def test_labels_stay_in_order_and_test_images_stay_test_images(earlier: Any, continued: Any) -> None:
    assert (continued.folder / "labels.txt").read_text() == "blue\nred\namber\n"
    before, after = _rows(earlier.folder), _rows(continued.folder)
    assert {path: after[path]["split"] for path in before} == {path: row["split"] for path, row in before.items()}
    assert {path.partition("/")[0] for path in after.keys() - before.keys()} == {"photos-2"}


def test_accepted_model_is_proposed_with_the_next_commands(earlier: Any, continued: Any) -> None:
    proposal = parse((continued.folder / "proposal.json").read_text(), "proposal")
    assert proposal["accepted"] and proposal["verdict"] in ("better", "not_worse")
    assert proposal["result"]["pictures"] == 24 and proposal["result"]["new_pictures"] == 0
    assert [one["name"] for one in proposal["result"]["per_class"]] == ["blue", "red"]
    assert [one["name"] for one in proposal["new_classes"]] == ["amber"]
    assert proposal["earlier"]["sha256"] == continued.evaluation.result.subject.scorer.card.training["continued_from"]
    model = str(continued.folder / "model.keras")
    assert continued.model == Path(model) and proposal["model"]["path"] == model
    assert proposal["next"][0].startswith(f"edgevision convert {model} --calibration {earlier.photos}")
    assert proposal["next"][1].startswith("edgevision bundle ")
    assert parse((continued.folder / "metrics.json").read_text(), "evaluate")["model"]["path"] == model
    assert parse(dump(continued.to_json()), "train")["proposal"]["accepted"]
    report = (continued.folder / "report.html").read_text()
    assert "than the earlier model" in report and "New class amber" in report
    assert json.loads((continued.folder / "run.json").read_text())["exit_code"] == 0


def test_chain_of_trainings_remembers_all_photos(earlier: Any, continued: Any, tmp_path: Path) -> None:
    from edgevision.convert.training.continuation.earlier_model import open_earlier
    from edgevision.convert.training.continuation.settings import continued_settings, open_all_photos

    photos = _photos(tmp_path / "more", 3000, 3, red="red", amber="green")
    again = open_earlier(continued.folder)
    settings = continued_settings(TrainSettings(), again, photos)
    assert settings.old_photos == (str(earlier.photos), str(continued.photos))
    dataset = open_all_photos(photos, settings, again)
    assert dataset.classes == ("blue", "red", "amber")
    paths = {item.path for item in dataset.items}
    assert paths > _rows(continued.folder).keys() and "photos-3/amber/amber-3000.png" in paths
    grown = open_all_photos(continued.photos, continued_settings(TrainSettings(), again, continued.photos), again)
    assert {item.path for item in grown.items} == _rows(continued.folder).keys()


def test_head_starts_with_the_scores_of_the_earlier_model(earlier: Any) -> None:
    """One sigmoid becomes two softmax outputs with the same odds; a new class does not change them."""
    from edgevision.convert.training.continuation.earlier_model import open_earlier
    from edgevision.convert.training.continuation.head_weights import carry_over
    from edgevision.convert.training.network.head import goal_of
    from edgevision.convert.training.network.network import open_network

    found = open_earlier(earlier.folder)
    images = np.random.default_rng(0).uniform(-1, 1, (4, 16, 16, 3)).astype(np.float32)

    def scores(classes: tuple[str, ...]) -> np.ndarray:
        network = open_network(found.network, goal_of(classes, False), str(found.path), 0.0)
        carry_over(network, found)
        return np.asarray(network.deployed(images))

    two, three = scores(("blue", "red")), scores(("blue", "red", "green"))
    np.testing.assert_allclose(three[:, 1] / three[:, :2].sum(1), two[:, 0], rtol=1e-4)


def test_poisoned_batch_is_refused_and_named(earlier: Any, tmp_path: Path) -> None:
    """Swapped labels of more photos than there were: exit code 3, one line, and the model under another name."""
    photos = _photos(tmp_path / "poison", 2000, 60, blue="red", red="blue")
    runs = tmp_path / "runs"
    options = ("--epochs", 3, "--head-epochs", 3, "--augment", "none", "--runs", runs)
    done = edgevision("train", photos, "--from", earlier.folder, *options, cwd=tmp_path)
    assert done.returncode == 3, done.stderr
    said = done.stderr.splitlines()[-1]
    assert f"{runs}/train-1/refused.keras is refused" in said
    assert "new photos labeled blue look like red" in said and str(photos) in said
    assert not (runs / "train-1" / "model.keras").exists()
    proposal = parse((runs / "train-1" / "proposal.json").read_text(), "proposal")
    assert proposal["verdict"] in ("worse", "contradictory") and not proposal["accepted"]
    assert {one["label"] for one in proposal["doubtful_labels"]["groups"]} == {"blue", "red"}
    assert json.loads((runs / "train-1" / "run.json").read_text())["exit_code"] == 3
    assert "Refused" in (runs / "train-1" / "report.html").read_text()
    for command in (
        ("convert", runs / "train-1"),
        ("evaluate", runs / "train-1", photos),
        ("train", photos, "--from", runs / "train-1"),
    ):
        refused = edgevision(*command, cwd=tmp_path)
        assert refused.returncode == 1 and "was refused as worse" in refused.stderr
        assert len(refused.stderr.splitlines()) == 1


def test_contradictions_of_the_network_are_refused(earlier: Any, tmp_path: Path) -> None:
    def refusal(**changes: Any) -> str:
        with pytest.raises(BadInput) as caught:
            run(earlier.photos, tmp_path, TrainSettings(**{"from_run": str(earlier.folder)} | changes))
        return str(caught.value)

    assert "(--backbone cnn), got mobilenet; omit --backbone" in refusal(backbone="mobilenet")
    assert "omit --weights" in refusal(weights="starter")
    assert "omit --resize" in refusal(resize="stretch")
    assert "earlier photos not found: gone" in refusal(old_photos=("gone",))
    assert not list(tmp_path.iterdir())


def test_moved_photos_are_asked_for(earlier: Any, tmp_path: Path) -> None:
    moved = shutil.copytree(earlier.folder, tmp_path / "train-1")
    config = (moved / "config.toml").read_text().replace(str(earlier.photos), str(tmp_path / "gone"))
    (moved / "config.toml").write_text(config)
    with pytest.raises(BadInput, match=r"gone any more; give where they are now with --old-photos"):
        run(earlier.photos, tmp_path / "runs", TrainSettings(from_run=str(moved)))


def test_training_without_the_earlier_photos_is_refused(earlier: Any, tmp_path: Path) -> None:
    photos = _photos(tmp_path / "new", 7000, 12, blue="blue", red="red")
    with pytest.raises(BadInput, match=r"none of the 216 photos that .* was trained on is in .*--old-photos"):
        run(photos, tmp_path / "runs", replace(SHORT, from_run=str(earlier.folder), old_photos=(str(photos),)))
    assert not (tmp_path / "runs").exists()


@pytest.mark.slow
def test_deployed_file_alone_continues_with_its_photos(tmp_path: Path) -> None:
    """A .tflite from a device, far from its run folder: seen trained by the commands, whose tests of the model stay."""
    make_photos(tmp_path / "photos", ("blue", "red"), 60)
    network = ("--backbone", "mobilenet_v2", "--alpha", "0.35", "--image-size", "32")
    starter = ("--weights", "starter", "--head-method", "gradient", "--epochs", "2", "--head-epochs", "4", "--quiet")

    def ok(*arguments: object) -> str:
        done = edgevision(*arguments, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        return done.stdout + done.stderr

    ok("train", "photos", *network, *starter)
    (tmp_path / "device").mkdir()
    ok("convert", "runs/train-1", "--calibration", "photos", "-o", "device/model.tflite", "--quiet")
    shutil.rmtree(tmp_path / "runs")
    _photos(tmp_path / "new", 8000, 20, blue="blue", red="red")

    alone = edgevision("train", "new", "--from", "device/model.tflite", *starter, cwd=tmp_path)
    assert alone.returncode == 1 and len(alone.stderr.splitlines()) == 1
    assert "photos that device/model.tflite was trained on is in new" in alone.stderr
    said = ok("train", "new", "--from", "device/model.tflite", "--old-photos", "photos", *starter[:-1])
    assert "has int8 weights, which cannot be trained further: the network starts from starter weights" in said
    proposal = parse((tmp_path / "runs/train-1/proposal.json").read_text(), "proposal")
    assert proposal["accepted"] and proposal["result"]["new_pictures"] == 0
    assert proposal["earlier"]["mode"] == "int8" and proposal["earlier"]["path"] == "device/model.tflite"
    assert proposal["result"]["pictures"] == 12


def test_models_without_a_training_record_are_refused(tmp_path: Path) -> None:
    from edgevision.convert.training.continuation.earlier_model import open_earlier
    from edgevision.convert.training.network.backbones import BackboneSpec, build

    build(BackboneSpec("mobilenet", 32, 0.25)).save(tmp_path / "m.keras")
    with pytest.raises(BadModel, match="has no record of a training by edgevision train"):
        open_earlier(tmp_path / "m.keras")
    bare = edgevision("train", tmp_path, "--from", Path(__file__).parents[2] / "data" / "tiny.tflite", cwd=tmp_path)
    assert bare.returncode == 1 and "has no record of a training by edgevision train; train without" in bare.stderr


def test_tflite_gives_its_network_and_labels_but_no_weights(tmp_path: Path) -> None:
    from edgevision.convert.training.continuation.earlier_model import open_earlier
    from edgevision.convert.training.continuation.settings import continued_settings

    from edgevision import default_model

    found = open_earlier(default_model.path())
    assert (found.network.backbone, found.network.alpha, found.arrays) == ("mobilenet_v2", 0.35, {})
    settings = continued_settings(TrainSettings(from_run="x"), found, tmp_path)
    assert (settings.weights, settings.alpha, settings.image_size) == ("auto", 0.35, found.network.image_size)
    with pytest.raises(BadInput, match="its weights are int8"):
        continued_settings(TrainSettings(weights="none"), found, tmp_path)


def test_interrupted_continuation_can_be_resumed(earlier: Any, tmp_path: Path) -> None:
    from edgevision.convert.training.monitor.observer import TrainingObserver
    from edgevision.convert.training.run import resumed

    class Cutting(TrainingObserver):
        def end(self, row: Any, kept: bool) -> None:
            raise KeyboardInterrupt

    photos = _photos(tmp_path / "new", 5000, 12, blue="blue", red="red")
    settings = replace(SHORT, from_run=str(earlier.folder))
    with pytest.raises(KeyboardInterrupt):
        run(photos, tmp_path / "runs", settings, Cutting())
    folder = tmp_path / "runs" / "train-1"
    known, used = resumed(folder)
    assert used.from_run == str(earlier.folder)
    watcher = noting()
    done = run(known, tmp_path / "runs", used, watcher, resume=folder)
    assert done.folder == folder and done.proposal is not None
    assert any("images that tested" in note for note in watcher.notes)
