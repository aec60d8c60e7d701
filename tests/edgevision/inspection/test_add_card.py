"""``edgevision card`` adds task, labels and preprocessing to any .tflite; wrong options are a one-line error."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from changed_model import without_evidence
from documents import parse
from locations import TESTS

from edgevision.cli.main import main
from edgevision.model_file import model_file
from edgevision.model_file.card import ModelCard, SelfTest, SelfTestCase
from edgevision.next_command import run_command
from edgevision.preprocessing.natural import natural_normalization
from edgevision.preprocessing.spec import Preprocessing
from edgevision.types import TensorSpec

TINY = TESTS / "data" / "tiny.tflite"
OURS = ModelCard(
    "colours", "classification", Preprocessing(16, 16, mean=(127.0,), std=(127.5,)), ("red", "green", "blue")
)
TEST = SelfTest((SelfTestCase("selftest/0.png", "00", 1, (1.0,), (1,)),), 0.1)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a working folder with the tiny model and its labels."""
    monkeypatch.chdir(tmp_path)
    Path("tiny.tflite").write_bytes(TINY.read_bytes())
    Path("labels.txt").write_text("red\ngreen\nblue\n", encoding="utf-8")
    return tmp_path


def command(capsys: pytest.CaptureFixture[str], line: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        main(line.split())
    said = capsys.readouterr()
    return int(ended.value.code or 0), said.out, said.err


@pytest.mark.parametrize(
    ("dtype", "scale", "zero_point", "expected"),
    [
        ("uint8", 1 / 255, 0, (0.0, 255.0)),
        ("uint8", 1 / 256, 0, (0.0, 256.0)),
        ("uint8", 1 / 127.5, 127, (127.0, 127.5)),
        ("uint8", 1 / 128, 128, (128.0, 128.0)),
        ("uint8", 1.0, 0, (0.0, 1.0)),
        ("uint8", 0.0, 0, (0.0, 1.0)),
        ("int8", 1 / 255, -128, (0.0, 255.0)),
        ("int8", 1 / 127.5, -1, (127.0, 127.5)),
        ("int8", 0.0, 0, None),
        ("uint8", 0.01157, 123, None),
        ("uint8", 1 / 255, 60, None),
        ("int8", 0.0186584, -14, None),
        ("float32", 0.0, 0, None),
    ],
)
def test_only_usual_quantization_shows_the_normalization(
    dtype: str, scale: float, zero_point: int, expected: tuple[float, float] | None
) -> None:
    got = natural_normalization(TensorSpec("image", (1, 16, 16, 3), dtype, scale, zero_point))
    assert got == (None if expected is None else pytest.approx(expected))


def test_unusual_quantization_is_asked_about(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "odd.tflite"
    path.write_bytes(without_evidence())
    code, _, err = command(capsys, f"card {path} --resize crop --task classification --show")
    assert code == 2
    assert "scale 0.01157 and zero point 123" in err
    assert "--mean 127.5 --std 127.5" in err
    code, out, _ = command(capsys, f"card {path} --resize crop --task classification --mean 127.5 --std 127.5 --show")
    assert (code, parse(out, "card")["preprocessing"]["mean"]) == (0, [127.5])


def test_bare_model_gets_card_from_options_and_quantization(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line = "card tiny.tflite --labels labels.txt --resize crop --crop-fraction 0.875 --threshold 0.4 -o out.tflite"
    code, out, err = command(capsys, line)
    assert (code, err) == (0, "")
    assert out.splitlines()[0].startswith("wrote out.tflite: classification, 3 labels, softmax, 16x16 RGB, crop 0.875")
    assert out.splitlines()[1] == f"next: {run_command('out.tflite')}"
    card = model_file.read(Path("out.tflite")).card
    assert card is not None
    assert card.labels == ("red", "green", "blue")
    assert (card.name, card.task, card.activation, card.threshold) == ("tiny", "classification", "softmax", 0.4)
    assert card.preprocessing == Preprocessing(16, 16, resize="crop", crop_fraction=0.875, mean=(127.0,), std=(127.5,))
    assert str(folder) not in card.dumps()


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (
            "green\nblue\n",
            "usually class 0 is the background then: insert the line 'background' before the first label",
        ),
        (
            "background\nred\ngreen\nblue\n",
            "'background', is for a class that the model does not have: remove that line",
        ),
        ("red\ngreen\nblue\nother\n", "remove the label of the class that the model does not have"),
        ("red\n", "give one label per class"),
    ],
)
def test_label_too_many_or_too_few_is_named(
    folder: Path, capsys: pytest.CaptureFixture[str], labels: str, said: str
) -> None:
    Path("labels.txt").write_text(labels, encoding="utf-8")
    code, _, err = command(capsys, "card tiny.tflite --labels labels.txt --resize stretch -o out.tflite")
    assert code == 1
    assert said in err
    assert len(err.splitlines()) == 1


def test_numbered_labels_with_gaps_are_filled(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("labels.txt").write_text("0  red\n2  blue\n", encoding="utf-8")
    line = "card tiny.tflite --labels labels.txt --resize stretch --show"
    assert parse(command(capsys, line)[1], "card")["labels"] == ["red", "???", "blue"]


def test_guessed_task_is_said(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("labels.txt").unlink()
    code, _, err = command(capsys, "card tiny.tflite --resize stretch -o out.tflite")
    assert code == 0
    assert (
        "the task classification was guessed from the outputs; if it is another, set it with --task multilabel" in err
    )
    code, _, err = command(capsys, "card tiny.tflite --task classification --resize stretch -o again.tflite")
    assert (code, "guessed" in err) == (0, False)


def test_written_copy_predicts(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:

    from edgevision import open_model

    assert command(capsys, "card tiny.tflite --labels labels.txt --resize stretch -o out.tflite")[0] == 0
    with open_model("out.tflite") as model:
        for colour, name in (((255, 0, 0), "red"), ((0, 255, 0), "green"), ((0, 0, 255), "blue")):
            top = model.predict(np.full((40, 60, 3), colour, np.uint8)).top
            assert top is not None
            assert top.name == name


def test_show_prints_card_and_writes_nothing(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = set(folder.iterdir())
    code, out, _ = command(capsys, "card tiny.tflite --resize letterbox --mean 1,2,3 --std 4 --order BGR --show")
    assert code == 0
    preprocessing = parse(out, "card")["preprocessing"]
    assert (preprocessing["resize"], preprocessing["mean"], preprocessing["std"], preprocessing["order"]) == (
        "letterbox",
        [1, 2, 3],
        [4],
        "BGR",
    )
    assert set(folder.iterdir()) == before


def test_second_card_changes_only_given_options(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    card = OURS.with_(selftest=TEST, training={"pictures": 5}, source_sha256="ab")
    model_file.write(Path("ours.tflite"), TINY.read_bytes(), card, {"selftest/0.png": b"x", "edgetpu.tflite": b"y"})
    assert command(capsys, "card ours.tflite --name new --threshold 0.5 -o ours.tflite --overwrite")[0] == 0
    file = model_file.read(Path("ours.tflite"))
    kept = {"flatbuffer_sha256": None, "versions": {}, "created": None}
    assert file.card is not None
    assert file.card.with_(**kept) == card.with_(name="new", threshold=0.5)
    assert "selftest/0.png" in file.files


def test_self_test_is_dropped_when_preprocessing_changes(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = {"selftest/0.png": b"x", "edgetpu.tflite": b"y"}
    model_file.write(Path("ours.tflite"), TINY.read_bytes(), OURS.with_(selftest=TEST), files)
    assert command(capsys, "card ours.tflite --resize crop -o out.tflite")[0] == 0
    file = model_file.read(Path("out.tflite"))
    assert file.card is not None
    assert file.card.selftest is None
    assert set(file.files) == {"edgevision.json", "labels.txt", "edgetpu.tflite"}


@pytest.mark.parametrize(
    ("line", "code", "said"),
    [
        ("card tiny.tflite --resize stretch", 2, "-o OUT.tflite"),
        ("card tiny.tflite --like nobody -o o.tflite", 2, "'nobody'"),
        ("card tiny.tflite --resize strech -o o.tflite", 2, "'stretch'"),
        ("card tiny.tflite --resize stretch --crop-fraction 0.5 -o o.tflite", 2, "requires --resize crop"),
        (
            "card tiny.tflite --resize stretch --mean x -o o.tflite",
            2,
            "expected one number such as 127.5, or one per channel",
        ),
        ("card tiny.tflite --resize stretch --mean 1,2 -o o.tflite", 1, "mean: (1.0, 2.0)"),
        ("card tiny.tflite --resize stretch --std 0 -o o.tflite", 1, "invalid preprocessing std"),
        ("card tiny.tflite --resize stretch --order GRAY -o o.tflite", 1, "invalid preprocessing order"),
        (
            "card tiny.tflite --resize stretch --labels short.txt -o o.tflite",
            1,
            "2 labels, but the model has 3 classes",
        ),
        ("card tiny.tflite --resize stretch --labels tiny.tflite -o o.tflite", 1, "it is a binary file"),
        ("card tiny.tflite --resize stretch --labels absent.txt -o o.tflite", 1, "labels file not found"),
        ("card absent.tflite --resize stretch -o o.tflite", 1, "model not found"),
        (
            "card labels.txt --resize stretch -o o.tflite",
            1,
            "is not a TFLite model (identifier TFL3 is missing; it looks like text)",
        ),
        ("card tiny.tflite --resize stretch -o tiny.tflite", 1, "--overwrite"),
        ("card tiny.tflite --resize stretch -o .", 1, "it is a folder"),
    ],
)
def test_wrong_options_are_one_line_errors(
    folder: Path, capsys: pytest.CaptureFixture[str], line: str, code: int, said: str
) -> None:
    Path("short.txt").write_text("one\ntwo\n", encoding="utf-8")
    ended, out, err = command(capsys, line)
    assert (ended, out) == (code, "")
    assert len(err.splitlines()) == 1
    assert said in err
    assert not Path("o.tflite").exists()
    assert Path("tiny.tflite").read_bytes() == TINY.read_bytes()


def test_card_of_compiled_model_warns(shared: Path, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = shared / "models" / "mobilenet_v1_0.25_128_quant_edgetpu.tflite"
    code, out, err = command(capsys, f"card {source} --resize crop --crop-fraction 0.875 -o tpu.tflite")
    assert code == 0
    assert "cannot run on a machine without one" in err
    assert "classification, 1001 labels, softmax, 128x128 RGB, crop 0.875" in out
    assert model_file.read(Path("tpu.tflite")).flatbuffer.endswith(model_file.read(source).flatbuffer)


def test_card_is_filled_from_real_metadata(shared: Path, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    models = shared / "models"
    source = models / "mobilenet_v1_0.25_224_float_with_metadata.tflite"
    labels = models / "imagenet_labels_1001.txt"
    code, _, _ = command(capsys, f"card {source} --resize crop --crop-fraction 0.875 --labels {labels} -o f.tflite")
    assert code == 0
    old, new = model_file.read(source), model_file.read(Path("f.tflite"))
    assert new.card is not None
    assert old.metadata is not None
    assert new.metadata is not None
    assert new.card.preprocessing.mean == new.card.preprocessing.std == (127.5,)
    assert new.labels[:2] == ("background", "tench, Tinca tinca")
    assert (new.metadata.author, new.metadata.license) == (old.metadata.author, old.metadata.license)
    assert set(new.files) == {"edgevision.json", "labels.txt"}


def test_segmenter_without_metadata_gets_a_card(shared: Path, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = shared / "models" / "deeplabv3_mnv2_dm05_pascal_quant.tflite"
    code, out, _ = command(capsys, f"card {source} --resize stretch -o s.tflite")
    assert code == 0
    assert "segmentation, no labels, none, 513x513 RGB" in out
    assert out.splitlines()[-1] == f"next: {run_command('s.tflite')}"
