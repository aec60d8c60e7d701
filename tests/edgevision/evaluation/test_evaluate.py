"""Evaluation of models on labeled images: the record, labels, splits, two models at once, and the command."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import command_line
import numpy as np
import pytest
from documents import parse

import edgevision
from edgevision import default_model
from edgevision.datasets.dataset import BACKGROUND, open_dataset, read_unlabelled
from edgevision.datasets.training_images import PARTS, card_entry
from edgevision.errors import BadInput, BadModel, MissingFile
from edgevision.evaluation.evaluate import Evaluation, evaluate
from edgevision.evaluation.intervals import wilson
from edgevision.evaluation.options import EvaluateOptions
from edgevision.evaluation.records import Pictures, Subject
from edgevision.evaluation.request import prepare, run
from edgevision.evaluation.scorers import ModelFacts, Scorer, locate
from edgevision.evaluation.tables import result_line
from edgevision.model_file import model_file
from edgevision.model_file.card import ModelCard
from edgevision.preprocessing.decode import encode_png
from edgevision.preprocessing.spec import Preprocessing
from edgevision.types import Frame

RGB = ("red", "green", "blue")
COLORS = {"red": (230, 20, 20), "green": (20, 230, 20), "blue": (20, 20, 230), "none": (128, 128, 128)}


class ColorScorer(Scorer):
    """Classifies an image by its mean color: the score of a class is the proportion of its channel."""

    sha256 = "0" * 64

    def __init__(self, labels: Sequence[str] = RGB, task: str = "classification", **card: object) -> None:
        self.card = ModelCard("stub", task, Preprocessing(8, 8), tuple(labels), **card)  # type: ignore[arg-type]
        self.calls = 0

    def scores(self, frame: Frame) -> np.ndarray:
        self.calls += 1
        mean = frame.pixels[..., ::-1].reshape(-1, 3).mean(axis=0)
        return (mean / (255 if self.card.task == "multilabel" else mean.sum())).astype(np.float32)


class Batches(ColorScorer):
    """The same, on several images at once."""

    def scores_batch(self, frames: Sequence[Frame]) -> np.ndarray:
        return np.stack([self.scores(frame) for frame in frames])


class Turned(ColorScorer):
    """Confuses green with blue, unless the green is pure."""

    def scores(self, frame: Frame) -> np.ndarray:
        found = super().scores(frame)
        return found[[0, 2, 1]] if found.argmax() == 1 and found[1] < 0.8 else found


def paint(path: Path, *colors: tuple[int, int, int]) -> None:
    """Write an image with stripes of these colors."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.concatenate([np.full((24, 12, 3), color, np.uint8) for color in colors], axis=1)
    path.write_bytes(encode_png(Frame(pixels, "RGB")))


def photos(root: Path, each: int = 4) -> Path:
    """Create class folders of colors, with one green image in red/."""
    for name in RGB:
        for n in range(each):
            paint(root / name / f"{n}.png", *[tuple(min(255, max(0, c + n)) for c in COLORS[name])])  # type: ignore[list-item]
    paint(root / "red" / "wrong.png", COLORS["green"])
    return root


def subject(scorer: Scorer) -> Subject:
    return Subject(scorer, ModelFacts("stub.tflite", scorer.sha256, "tflite", "float", 1000))


def judged(
    scorer: Scorer, root: Path, other: Scorer | None = None, negatives: Path | None = None, **options: object
) -> Evaluation:
    dataset = open_dataset(root)
    negatives = read_unlabelled(negatives)[0] if negatives else ()
    pictures = Pictures(str(root), dataset.items, dataset.classes, skipped=dataset.skipped, negatives=negatives)
    return evaluate(subject(scorer), pictures, other=subject(other) if other else None, **options)  # type: ignore[arg-type]


KEYS = {
    "schema", "model", "data", "task", "labels", "preprocessing", "accuracy", "top5", "macro", "weighted", "micro", "per_class",
    "confusion", "calibration", "threshold", "worst", "ties", "seconds", "versions", "compare",
}  # fmt: skip


def test_record_has_all_fields(tmp_path: Path) -> None:
    (photos(tmp_path) / "blue" / "cut.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    done = judged(ColorScorer(), tmp_path)
    record = parse(json.dumps(done.to_json()), "evaluate")
    assert KEYS <= set(record) and record["schema"] == "edgevision.evaluate/1"
    assert record["model"] == {
        "path": "stub.tflite",
        "sha256": "0" * 64,
        "kind": "tflite",
        "mode": "float",
        "bytes": 1000,
        "engine": None,
    }
    assert record["data"]["pictures"] == 13 and record["data"]["split"] == "all"
    assert record["data"]["skipped"] == [{"path": "blue/cut.png", "reason": "the PNG is truncated"}]
    low, high = wilson(12, 13)
    assert record["accuracy"] == {
        "value": 12 / 13, "low": low, "high": high, "correct": 12, "total": 13, "method": "wilson 95 %"
    }  # fmt: skip
    assert record["confusion"] == [[4, 1, 0], [0, 4, 0], [0, 0, 4]] and record["top5"] is None
    red, green, _ = record["per_class"]
    assert (red["index"], red["name"], red["support"], red["precision"], red["recall"]) == (0, "red", 5, 1.0, 0.8)
    assert (green["precision"], green["recall"], green["f1"]) == (0.8, 1.0, pytest.approx(8 / 9))
    assert red["roc_auc"] == pytest.approx(33 / 40)  # 2 of the 40 pairs are ties
    assert record["micro"]["f1"] == pytest.approx(12 / 13)
    assert record["worst"] == [
        {"path": "red/wrong.png", "true": "red", "predicted": "green", "score": pytest.approx(230 / 270)}
    ]
    assert record["labels"] == list(RGB) and record["preprocessing"]["width"] == 8 and record["compare"] is None
    assert len(record["calibration"]["bins"]) == 15 and record["ties"] == 0
    assert record["false_alarms"] is None


def test_fingerprint_equals_that_of_the_dataset(tmp_path: Path) -> None:
    assert judged(ColorScorer(), photos(tmp_path)).fingerprint == open_dataset(tmp_path).fingerprint


def test_progress_is_reported_and_batches_give_the_same_scores(tmp_path: Path) -> None:
    root = photos(tmp_path, 20)
    steps: list[int] = []
    one, many = judged(ColorScorer(), root, step=steps.append), judged(Batches(), root)
    assert steps[-1] == 61 and steps == sorted(steps)
    assert np.array_equal(one.metrics.scores, many.metrics.scores)


@pytest.mark.parametrize("labels", [("Red", "GREEN", "blue"), ("red", "green", "blue, azure, sky")])
def test_labels_are_matched_loosely(tmp_path: Path, labels: tuple[str, ...]) -> None:
    assert judged(ColorScorer(labels), photos(tmp_path)).metrics.accuracy.count == 12


def test_unknown_classes_are_listed_and_skipped(tmp_path: Path) -> None:
    photos(tmp_path)
    for name in ("grren", "purple"):
        paint(tmp_path / name / "1.png", COLORS["none"])
    done = judged(ColorScorer(), tmp_path)
    assert len(done.items) == 13
    assert "skipped classes that are not labels of the model: grren; purple; did you mean 'green'?" in done.notes[0]
    assert {one.path: one.reason for one in done.skipped} == {
        "grren": "not a label of the model (1 images)",
        "purple": "not a label of the model (1 images)",
    }


def test_dataset_without_a_known_class_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        BadInput, match=r"is a label of stub.tflite: the data has blue, green, red, the model has x, y, z; map names"
    ):
        judged(ColorScorer(("x", "y", "z")), photos(tmp_path))


def test_ambiguous_label_needs_a_class_number(tmp_path: Path) -> None:
    done = judged(ColorScorer(("red", "green", "green")), photos(tmp_path))
    assert (
        any("skipped 'green': it is the label of classes 1 and 2" in line for line in done.notes)
        and len(done.items) == 5
    )
    names = tmp_path / "names.csv"
    names.write_text("green,1\nblue,2\n")
    dataset = open_dataset(tmp_path, names)
    numbered = evaluate(subject(ColorScorer(("red", "green", "green"))), Pictures("p", dataset.items, dataset.classes))
    assert numbered.metrics.accuracy.count == 12


def test_model_without_labels_takes_the_class_names_in_alphabetical_order(tmp_path: Path) -> None:
    root = photos(tmp_path)
    done = judged(ColorScorer(()), root)
    assert done.metrics.labels == ("blue", "green", "red")
    assert "alphabetical order" in done.notes[0]
    assert done.metrics.accuracy.count == 4  # red and blue are swapped in this model


def test_model_without_labels_takes_those_of_the_other_model(tmp_path: Path) -> None:
    done = judged(ColorScorer(()), photos(tmp_path), ColorScorer())
    assert done.metrics.labels == RGB and "using the 3 labels of the other model" in done.notes[0]
    assert done.comparison is not None and done.comparison.agreement.value == 1.0 and done.comparison.kl == 0.0


def test_two_classes_have_roc_areas(tmp_path: Path) -> None:
    class Reddish(ColorScorer):
        def scores(self, frame: Frame) -> np.ndarray:
            red = super().scores(frame)[0]
            return np.array([1 - red, red], np.float32)

    for n, level in enumerate((120, 160, 200)):
        paint(tmp_path / "other" / f"{n}.png", (255 - level, level, level))
        paint(tmp_path / "red" / f"{n}.png", (level, 40, 40))
    done = judged(Reddish(("other", "red")), tmp_path)
    assert done.metrics.roc_auc == (1.0, 1.0)
    assert done.metrics.accuracy.value == 1.0


def test_several_labels_per_image(tmp_path: Path) -> None:
    paint(tmp_path / "1.png", COLORS["red"], COLORS["green"])
    paint(tmp_path / "2.png", (255, 255, 0), COLORS["blue"])
    paint(tmp_path / "3.png", COLORS["none"])
    paint(tmp_path / "4.png", COLORS["blue"])
    (tmp_path / "l.csv").write_text(
        f"path,label\n1.png,red|green\n2.png,red|green|blue\n3.png,{BACKGROUND}\n4.png,green|blue\n"
    )
    done = judged(ColorScorer(task="multilabel", activation="sigmoid", threshold=0.45), tmp_path / "l.csv")
    one = done.metrics
    assert one.predicted.tolist() == [[True, True, False], [True, True, True], [True] * 3, [False, False, True]]
    assert (one.accuracy.count, one.accuracy.total) == (2, 4)
    record = done.to_json()
    assert record["confusion"][1] == [[0, 1], [1, 2]]
    assert record["task"] == "multilabel" and record["top5"] is None
    assert [(w["path"], w["true"], w["predicted"]) for w in record["worst"]] == [
        ("4.png", "green|blue", "not green"),
        ("3.png", "", "red"),
    ]
    assert record["false_alarms"]["alarms"] == 1 and record["false_alarms"]["pictures"] == 1
    stricter = judged(ColorScorer(task="multilabel", activation="sigmoid"), tmp_path / "l.csv", threshold=0.6)
    assert not stricter.metrics.predicted[2].any()
    with pytest.raises(BadInput, match=r"have several labels, but stub.tflite predicts one label per image"):
        judged(ColorScorer(), tmp_path / "l.csv")


def test_false_positives_on_negatives(tmp_path: Path) -> None:
    root = photos(tmp_path / "p")
    for n, share in enumerate((0.4, 0.5, 0.6, 0.9)):
        rest = int(255 * (1 - share) / 2)
        paint(tmp_path / "u" / f"{n}.png", (int(255 * share), rest, rest))
    given = judged(ColorScorer(), root, negatives=tmp_path / "u", threshold=0.55).metrics.false_alarms
    assert given is not None and (given.rate.count, given.rate.total, given.threshold_from) == (2, 4, "given")
    card = judged(ColorScorer(threshold=0.7), root, negatives=tmp_path / "u").metrics.false_alarms
    assert card is not None and (card.rate.count, card.threshold_from) == (1, "card")
    free = judged(ColorScorer(), root, negatives=tmp_path / "u")
    advice, alarms = free.metrics.threshold, free.metrics.false_alarms
    assert alarms is not None and alarms.threshold_from == "suggested" and alarms.threshold == advice.suggested
    assert free.to_json()["data"]["pictures"] == 13


def test_background_images_are_negatives_for_a_model_without_background(tmp_path: Path) -> None:
    photos(tmp_path)
    paint(tmp_path / BACKGROUND / "1.png", COLORS["none"])
    done = judged(ColorScorer(), tmp_path)
    assert len(done.items) == 13 and done.skipped == () and done.notes == ()
    assert done.metrics.false_alarms is not None and done.metrics.false_alarms.rate.total == 1


def test_predicting_background_is_not_a_false_positive(tmp_path: Path) -> None:
    photos(tmp_path)
    (tmp_path / "blue").rename(tmp_path / BACKGROUND)
    paint(tmp_path / BACKGROUND / "greenish.png", (20, 140, 60))
    done = judged(ColorScorer(("red", "green", BACKGROUND)), tmp_path)
    alarms = done.metrics.false_alarms
    assert alarms is not None and (alarms.rate.count, alarms.rate.total) == (
        0 if alarms.threshold > 140 / 220 else 1,
        5,
    )
    low = judged(ColorScorer(("red", "green", BACKGROUND)), tmp_path, threshold=0.3).metrics.false_alarms
    assert low is not None and (low.rate.count, low.rate.total) == (1, 5)


def test_two_models_are_compared_on_the_same_images(tmp_path: Path) -> None:
    root = photos(tmp_path)
    for n in range(3):
        paint(root / "green" / f"dull{n}.png", (60 + n, 150, 40))
    first, other = ColorScorer(), Turned()
    done = judged(first, root, other)
    assert first.calls == other.calls == 16
    record = done.to_json()
    found = record["compare"]
    assert found["agreement"]["same"] == 13 and found["agreement"]["total"] == 16
    change = found["accuracy_change_points"]
    assert change["value"] == pytest.approx(-300 / 16) and change["low"] < change["value"] < change["high"]
    assert found["kl"] > 0 and found["model"]["path"] == "stub.tflite"
    assert {one["path"] for one in found["disagreements"]} == {f"green/dull{n}.png" for n in range(3)}
    one = found["disagreements"][0]
    assert (one["true"], one["predicted"], one["other_predicted"]) == ("green", "green", "blue")
    assert found["accuracy"]["correct"] == record["accuracy"]["correct"] - 3
    itself = judged(ColorScorer(), root, ColorScorer()).comparison
    assert itself is not None and (itself.agreement.value, itself.change.value, itself.kl) == (1.0, 0.0, 0.0)
    assert itself.disagreements == ()


def test_models_with_a_different_label_order_agree_by_name(tmp_path: Path) -> None:
    class Backwards(ColorScorer):
        def scores(self, frame: Frame) -> np.ndarray:
            return super().scores(frame)[::-1].copy()

    found = judged(ColorScorer(), photos(tmp_path), Backwards(RGB[::-1])).comparison
    assert found is not None and found.agreement.value == 1.0 and found.kl is None


def trained_with(root: Path, **parts: Sequence[str]) -> dict[str, object]:
    """Return the training record of a card, as ``train`` writes it; ``parts``: names of the images in train and val."""
    found = {
        part: [hashlib.sha256((root / name).read_bytes()).hexdigest() for name in parts.get(part, ())] for part in PARTS
    }
    return {"data": {"images": card_entry(*found.values())}}


def test_images_of_the_training_are_counted_apart(tmp_path: Path) -> None:
    """They are recognized by their content: the folder and the names may be others."""
    photos(tmp_path / "p")
    record = trained_with(tmp_path / "p", train=["red/wrong.png", "red/0.png", "green/0.png"], val=["blue/0.png"])
    (tmp_path / "p" / "red" / "0.png").rename(tmp_path / "p" / "red" / "renamed.png")
    done = judged(ColorScorer(training=record), tmp_path / "p")
    assert len(done.items) == 9 and done.metrics.accuracy.count == 9  # the wrong one is in train
    document = parse(json.dumps(done.to_json()), "evaluate")
    known = document["data"]["trained_on"]
    assert (known["train"], known["val"], known["counted_apart"]) == (3, 1, True)
    assert (known["accuracy"]["correct"], known["accuracy"]["total"]) == (3, 4)
    assert document["data"]["pictures"] == document["accuracy"]["total"] == sum(map(sum, document["confusion"])) == 9
    assert "9 images that had no part in the training" in result_line(done)
    assert any(
        note.startswith("counted apart: 3 images the model was trained on and 1 that chose") for note in done.notes
    )


def test_accuracy_on_training_images_alone_is_no_headline(tmp_path: Path) -> None:
    root = photos(tmp_path)
    names = [str(path.relative_to(root)) for path in root.rglob("*.png")]
    done = judged(ColorScorer(training=trained_with(root, train=names)), root)
    assert done.trained_on is not None and not done.trained_on.counted_apart
    assert "not tested: 12 of 13 correct, but on 13 images the model was trained on" in result_line(done)
    assert any("says little about new images" in note for note in done.notes)


def test_images_of_either_model_are_counted_apart(tmp_path: Path) -> None:
    root = photos(tmp_path)
    other = ColorScorer(training=trained_with(root, train=["red/0.png"]))
    done = judged(ColorScorer(), root, other=other)
    assert len(done.items) == 12 and done.trained_on is not None and done.trained_on.train == 1


def test_split_beside_the_model_names_its_training_images(tiny: Path, tmp_path: Path) -> None:
    """A model without a record of its images, evaluated on everything."""
    root = photos(tmp_path / "p")
    rows = "path,label,split,group\nred/0.png,red,test,\nblue/1.png,blue,train,\nblue/2.png,blue,val,\n"
    (tiny.parent / "split.csv").write_text(rows)
    inputs = prepare(EvaluateOptions(tiny, root, split="all"))
    done = evaluate(inputs.subject, inputs.pictures)
    assert done.trained_on is not None and (done.trained_on.train, done.trained_on.val) == (1, 1)
    assert len(done.items) == 11
    (tiny.parent / "split.csv").rename(tmp_path / "elsewhere.csv")
    inputs = prepare(EvaluateOptions(tiny, root, split="all", split_file=tmp_path / "elsewhere.csv"))
    assert inputs.subject.training_images.paths == {"blue/1.png": "train", "blue/2.png": "val"}


def test_few_images_give_counts_instead_of_a_percentage(tmp_path: Path) -> None:
    assert "12 of 13 (95 % CI 67 to 99 %) correct" in result_line(judged(ColorScorer(), photos(tmp_path)))


def test_imbalance_shows_in_balanced_accuracy_and_baseline(tmp_path: Path) -> None:
    for number in range(9):
        paint(tmp_path / "red" / f"{number}.png", COLORS["red"])
    paint(tmp_path / "green" / "1.png", COLORS["blue"])
    done = judged(ColorScorer(), tmp_path)
    document = parse(json.dumps(done.to_json()), "evaluate")
    assert document["accuracy"]["value"] == 0.9 and document["balanced_accuracy"] == 0.5
    assert document["baseline"] == {"index": 0, "name": "red", "accuracy": 0.9}
    assert "no better than always answering 'red', which is right on 90.0 % of the images" in done.notes


def test_nan_scores_are_refused(tmp_path: Path) -> None:
    class Broken(ColorScorer):
        def scores(self, frame: Frame) -> np.ndarray:
            return np.array([np.nan, 0, 1], np.float32)

    with pytest.raises(BadModel, match=r"'stub' returned NaN or infinite scores for blue/0.png"):
        judged(Broken(), photos(tmp_path))


def test_detector_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadModel, match="is a detection model; compare it with a detector"):
        judged(ColorScorer(task="detection", activation="none"), photos(tmp_path))


# The tests below use a real model file with hand-set weights for red, green and blue.


@pytest.fixture
def tiny(data: Path, tmp_path: Path) -> Path:
    file = model_file.read(data / "tiny.tflite")
    spec = file.inputs[0]
    preprocessing = Preprocessing(spec.shape[2], spec.shape[1], mean=(float(spec.zero_point),), std=(1 / spec.scale,))
    path = tmp_path / "tiny.tflite"
    model_file.write(path, file.flatbuffer, ModelCard("tiny", "classification", preprocessing, RGB))
    return path


def chosen(tmp_path: Path, model: Path, source: Path, **options: object) -> tuple[list[str], str, tuple[str, ...]]:
    found = prepare(EvaluateOptions(model, source, runs=tmp_path / "runs", **options))  # type: ignore[arg-type]
    return [item.path for item in found.pictures.items], found.pictures.split, found.notes


def test_real_model_writes_a_run_folder(tiny: Path, tmp_path: Path) -> None:
    request = EvaluateOptions(tiny, photos(tmp_path / "p"), threads=1, runs=tmp_path / "runs")
    done, folder = run(request, prepare(request))
    assert done.metrics.accuracy.count == 12 and folder.folder.name == "evaluate-1"
    record = parse((folder.folder / "metrics.json").read_text(), "evaluate")
    assert record["model"]["mode"] == "int8" and record["model"]["sha256"] == model_file.read(tiny).sha256
    assert record["accuracy"]["correct"] == 12
    about = parse((folder.folder / "run.json").read_text(), "run_folder")
    assert about["command"] == "evaluate" and about["exit_code"] == 0
    assert set(about["outputs"]) == {path.name for path in folder.folder.iterdir()} - {"run.json"}


def test_public_function_measures_a_file_and_an_open_model_alike(tiny: Path, tmp_path: Path) -> None:
    root, steps = photos(tmp_path / "p"), list[int]()
    done = edgevision.evaluate(str(tiny), str(root), threads=1, progress=steps.append)
    assert done.metrics.accuracy.count == 12 and steps[-1] == 13 and done.other is None
    with edgevision.open_model(tiny, threads=1) as model:
        again = edgevision.evaluate(model, root, compare=tiny)
        assert again.comparison is not None and again.comparison.agreement.value == 1.0
        assert again.to_json()["accuracy"] == done.to_json()["accuracy"]
        assert model.predict(root / "red" / "0.png").top is not None, "the given model is still open"
    assert not list(tmp_path.rglob("run.json"))


def test_public_function_refuses_bad_arguments(tiny: Path, tmp_path: Path) -> None:
    root = photos(tmp_path / "p")
    with pytest.raises(edgevision.MissingFile, match="not found"):
        edgevision.evaluate(tmp_path / "absent.tflite", root)
    for options, text in (
        ({"threshold": 2.0}, "0 to 1"),
        ({"limit": 0}, "1 or more"),
        ({"split": "x"}, "one of train"),
    ):
        with pytest.raises(edgevision.BadInput, match=text):
            edgevision.evaluate(tiny, root, **options)  # type: ignore[arg-type]


def test_missing_matplotlib_gives_a_note_instead_of_the_plot(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edgevision.evaluation.request.CONFUSION_PLOT", "edgevision.convert.no_such_module:confusion")
    request = EvaluateOptions(tiny, photos(tmp_path / "p"), runs=tmp_path / "runs")
    done, folder = run(request, prepare(request))
    assert folder.outputs == ["metrics.json", "evaluate.html"] and "confusion.png was not drawn" in done.notes[-1]


def test_evaluated_part_is_test_or_the_one_requested(tiny: Path, tmp_path: Path) -> None:
    for part in ("train", "val", "test"):
        photos(tmp_path / "p" / part, 1)
    paths, split, _ = chosen(tmp_path, tiny, tmp_path / "p")
    assert split == "test" and len(paths) == 4 and all(path.startswith("test/") for path in paths)
    assert len(chosen(tmp_path, tiny, tmp_path / "p", split="all")[0]) == 12
    for part in ("train", "valid"):
        photos(tmp_path / "two" / part, 1)
    paths, split, _ = chosen(tmp_path, tiny, tmp_path / "two")
    assert split == "val" and len(paths) == 4 and all(path.startswith("valid/") for path in paths)
    assert all(path.startswith("val/") for path in chosen(tmp_path, tiny, tmp_path / "p", split="val")[0])
    with pytest.raises(BadInput, match="has no test part; available: none"):
        chosen(tmp_path, tiny, photos(tmp_path / "flat"), split="test")


def test_recorded_split_of_a_run_is_used(tiny: Path, tmp_path: Path) -> None:
    root = photos(tmp_path / "p")
    folder = tmp_path / "train-7"
    folder.mkdir()
    tiny.rename(folder / "tiny.tflite")
    (folder / "split.csv").write_text(
        "path,label,split,group\nred/0.png,red,test,\nblue/1.png,blue,train,\ngone.png,red,test,\n"
    )
    paths, split, notes = chosen(tmp_path, folder, root)
    assert (paths, split) == (["red/0.png"], "test")
    assert "evaluating the test part" in notes[0] and "1 images of" in notes[1] and "gone.png" in notes[1]
    assert chosen(tmp_path, folder / "tiny.tflite", root, split="train")[0] == ["blue/1.png"]
    assert len(chosen(tmp_path, folder, root, split="all")[0]) == 13
    other = tmp_path / "other.tflite"
    other.write_bytes((folder / "tiny.tflite").read_bytes())
    assert chosen(tmp_path, other, root, split_file=folder)[0] == ["red/0.png"]
    assert chosen(tmp_path, other, root, compare=folder)[0] == ["red/0.png"]
    elsewhere = tmp_path / "new"
    paint(elsewhere / "red" / "new.png", COLORS["red"])
    paths, split, notes = chosen(tmp_path, folder, elsewhere)
    assert (paths, split) == (["red/new.png"], "all") and "it lists no image of" in notes[0]
    parted = tmp_path / "parted"
    for part in ("train", "test"):
        paint(parted / part / "red" / "1.png", COLORS["red"])
    assert chosen(tmp_path, folder, parted)[:2] == (["test/red/1.png"], "test")


def test_limit_draws_the_same_images_each_time(tiny: Path, tmp_path: Path) -> None:
    root = photos(tmp_path / "p")
    first = chosen(tmp_path, tiny, root, limit=5)[0]
    assert len(first) == 5 and first == chosen(tmp_path, tiny, root, limit=5)[0]


def test_unsupported_models_are_refused(tmp_path: Path) -> None:
    with pytest.raises(MissingFile, match="model or run folder not found"):
        locate(tmp_path / "absent")
    with pytest.raises(BadModel, match="is not a run folder"):
        locate(tmp_path)
    (tmp_path / "x.onnx").write_bytes(b"x")
    with pytest.raises(BadModel, match="is not a supported model"):
        prepare(EvaluateOptions(tmp_path / "x.onnx", photos(tmp_path / "p")))


def command(*args: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return command_line.edgevision("evaluate", *args, cwd=cwd)


def test_command_prints_results_and_writes_the_record(tiny: Path, tmp_path: Path) -> None:
    photos(tmp_path / "p")
    shown = command(str(tiny), "p", "--compare", str(tiny), "--runs", "r", cwd=tmp_path)
    assert shown.returncode == 0, shown.stderr
    lines = shown.stdout.strip().splitlines()
    assert lines[-3] == f"{tiny} on p: 12 of 13 (95 % CI 67 to 99 %) correct, 13 images"
    assert lines[-2] == str(tmp_path / "r" / "evaluate-1" / "evaluate.html")
    shown_page = (tmp_path / "r" / "evaluate-1" / "evaluate.html").read_text()
    for words in ("12 of 13 images correct", "Most confidently wrong", "red/wrong.png", "Compared with another model"):
        assert words in shown_page
    assert "http" not in shown_page and 'class="score"' not in shown_page  # one file, and no headline of 13 images
    assert lines[-1].startswith(f"next: edgevision run {tiny} ")
    for words in ("most confident wrong", "red/wrong.png", "confusion matrix", "13 of 13 (95 % CI", "+0.0 points"):
        assert words in shown.stdout
    told = command(str(tiny), "p", "--json", "--limit", "6", cwd=tmp_path)
    assert parse(told.stdout, "evaluate")["data"]["pictures"] == 6
    assert (tmp_path / "runs" / "evaluate-1" / "metrics.json").exists()


def test_command_does_not_load_tensorflow_for_a_tflite(tiny: Path, tmp_path: Path) -> None:
    photos(tmp_path / "p")
    code = (
        "import sys\nfrom edgevision.cli.main import main\n"
        f"try: main(['evaluate', {str(tiny)!r}, 'p', '--json'])\nexcept SystemExit as end: assert end.code == 0\n"
        "print([m for m in ('tensorflow', 'keras', 'h5py') if m in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, timeout=120, check=True
    )
    assert done.stderr.strip().splitlines()[-1] == "[]"


@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        (["absent.tflite", "p"], 1, "model or run folder not found: absent.tflite"),
        (["tiny.tflite", "absent"], 1, "images not found: absent; give a folder, a zip or a CSV"),
        (["tiny.tflite", "p", "--split", "tset"], 2, "test"),
        (["tiny.tflite", "p", "--negatives", "empty"], 1, "empty is empty"),
        (["tiny.tflite", "p", "--label-map", "absent.csv"], 1, "CSV not found: absent.csv"),
        (["tiny.tflite", "p", "--split-file", "empty"], 1, "empty has no split.csv"),
        (["tiny.tflite", "animals"], 1, "no class of animals is a label of tiny.tflite"),
        (["tiny.tflite", "p", "--threshold", "nan"], 2, "expected a number from 0 to 1, got nan"),
        (["tiny.tflite"], 2, "Missing argument 'PHOTOS'"),
    ],
)
def test_faults_give_a_one_line_error_and_no_run_folder(
    tiny: Path, tmp_path: Path, args: list[str], code: int, said: str
) -> None:
    photos(tmp_path / "p", 1)
    paint(tmp_path / "animals" / "cat" / "1.png", COLORS["none"])
    (tmp_path / "empty").mkdir()
    done = command(*args, cwd=tmp_path)
    assert done.returncode == code and done.stdout == ""
    assert len(done.stderr.strip().splitlines()) == 1 and said in done.stderr
    assert not (tmp_path / "runs").exists()


def test_real_model_reaches_its_accuracy_on_real_photos(shared: Path, tmp_path: Path) -> None:
    model = shared / "models" / "mobilenet_v1_0.25_224_quant_with_metadata.tflite"
    folder = shared / "data" / "imagenet_sample"
    rows = [f"{path},{int(path.name[:4]) + 1}\n" for path in sorted(folder.glob("*.jpg"))]
    (tmp_path / "l.csv").write_text("path,label\n" + "".join(rows))
    request = EvaluateOptions(
        model,
        tmp_path / "l.csv",
        compare=model.with_name(model.name.replace("quant", "float")),
        limit=200,
        runs=tmp_path,
    )
    done, _ = run(request, prepare(request))
    one = done.metrics
    assert 0.4 < one.accuracy.value < 0.65 and one.top5 is not None and one.top5 > one.accuracy.value + 0.15
    assert done.comparison is not None and done.comparison.agreement.value > 0.65


def test_normalization_for_a_tflite_is_refused(tmp_path: Path) -> None:
    request = EvaluateOptions(default_model.path(), photos(tmp_path), mean=(0.0,), std=(255.0,))
    with pytest.raises(BadInput, match="--mean and --std: only for Keras models"):
        prepare(request)
