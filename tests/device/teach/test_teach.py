"""Classes taught on the device: the second output, scores beside the model's own, the file, the command."""

from __future__ import annotations

import base64
import contextlib
import json
import subprocess
from pathlib import Path

import numpy as np
import pytest
from command_line import edgevision
from documents import parse, parse_lines
from edgevision.convert.quantization.embedding_output import add_embedding, references
from edgevision.device.teach.store import MAX_FRAMES, Overlay, load
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from edgevision import open_model
from edgevision.errors import BadInput, BadModel, EdgeVisionError
from edgevision.files.state_folder import state_folder, taught_file
from edgevision.model_file import model_file
from edgevision.model_file.card import EmbeddingOutput, ModelCard
from edgevision.postprocessing import feature_vector
from edgevision.postprocessing.imprinting import Imprints, TaughtClass, combine
from edgevision.preprocessing import decode
from edgevision.preprocessing.spec import Preprocessing
from edgevision.preprocessing.transform import pixels
from edgevision.types import Frame

COLOURS = {"red": (255, 0, 0), "green": (0, 255, 0), "blue": (0, 0, 255)}
YELLOW = (250, 240, 20)


def picture(colour: tuple[int, int, int], seed: int = 0) -> np.ndarray:
    """Return an image of one color with noise: no two frames are alike, and none is blank."""
    noise = np.random.default_rng(seed).integers(-40, 41, (40, 60, 3))
    return np.clip(np.array(colour) + noise, 0, 255).astype(np.uint8)


def save(folder: Path, name: str, colour: tuple[int, int, int], count: int) -> Path:
    place = folder / name
    place.mkdir()
    for seed in range(count):
        (place / f"{seed}.png").write_bytes(decode.encode_png(Frame(picture(colour, seed), "RGB")))
    return place


@pytest.fixture(scope="module")
def plain(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny model, which recognizes red, green and blue."""
    file = model_file.read(data / "tiny.tflite")
    path = tmp_path_factory.mktemp("plain") / "colours.tflite"
    model_file.write(path, file.flatbuffer, card(file))
    return path


@pytest.fixture(scope="module")
def model(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with its four features as a second output, and vectors of red, green and blue images."""
    file = model_file.read(data / "tiny.tflite")
    made = add_embedding(file.flatbuffer)
    known = card(file)
    frames = [Frame(picture(colour, seed), "RGB") for seed in range(6) for colour in COLOURS.values()]
    vectors = references(
        made.flatbuffer, made.output, known.preprocessing, (pixels(frame, known.preprocessing) for frame in frames)
    )
    path = tmp_path_factory.mktemp("model") / "colours.tflite"
    model_file.write(path, made.flatbuffer, known.with_(embedding=made.output), {feature_vector.REFERENCES: vectors})
    return path


def card(file: model_file.ModelFile) -> ModelCard:
    spec = file.inputs[0]
    preprocessing = Preprocessing(spec.shape[2], spec.shape[1], mean=(float(spec.zero_point),), std=(1 / spec.scale,))
    return ModelCard("colours", "classification", preprocessing, tuple(COLOURS))


def teach(*args: object) -> subprocess.CompletedProcess[str]:
    return edgevision("teach", *args)


# ------------------------------------------------------------------------------------------------- the second output


def test_second_output_does_not_change_scores(model: Path, plain: Path) -> None:
    with open_model(plain, threads=1) as without, open_model(model, threads=1) as with_:
        assert [spec.shape for spec in with_.engine.outputs] == [(1, 3), (1, 1, 1, 4)]
        assert with_.engine.outputs[1].dtype == "int8"
        for seed in range(4):
            shown = picture(YELLOW, seed)
            assert with_.predict(shown).labels == without.predict(shown).labels
            vector = with_.embed(shown)
            assert vector.shape == (4,)
            assert np.linalg.norm(vector) == pytest.approx(1.0, abs=1e-5)


def test_model_without_an_embedding_names_the_option_to_add_it(plain: Path) -> None:
    with open_model(plain, threads=1) as opened, pytest.raises(BadModel, match="--with-embedding"):
        opened.embed(picture(YELLOW))


def test_network_without_a_last_layer_is_rejected(data: Path) -> None:
    with pytest.raises(BadModel, match="--with-embedding"):
        add_embedding(model_file.read(data / "embedder.tflite").flatbuffer)


def test_model_card_records_the_embedding_output(model: Path) -> None:
    known = model_file.read(model).card
    assert known is not None
    assert known.embedding is not None
    assert (known.embedding.output, known.embedding.size) == (1, 4)
    assert ModelCard.loads(known.dumps()) == known


@pytest.mark.parametrize(
    "value", [{"output": 0, "tensor": "t", "size": 4}, {"output": 1, "tensor": "t", "size": 0}, {"output": 1}, 7]
)
def test_damaged_model_cards_are_rejected(model: Path, value: object) -> None:
    known = model_file.read(model).card
    assert known is not None
    with pytest.raises(BadModel, match="damaged"):
        ModelCard.loads(json.dumps({**known.to_json(), "embedding": value}))


def test_model_card_of_another_graph_is_rejected(plain: Path, model: Path, tmp_path: Path) -> None:
    file = model_file.read(plain)
    assert file.card is not None
    path = tmp_path / "wrong.tflite"
    model_file.write(path, file.flatbuffer, file.card.with_(embedding=EmbeddingOutput(1, "t", 4)))
    with open_model(path, threads=1) as opened, pytest.raises(BadModel, match="output 1"):
        opened.embed(picture(YELLOW))


def test_damaged_references_are_rejected(model: Path) -> None:
    with open_model(model, threads=1) as opened:
        reader = feature_vector.EmbeddingOutputReader(opened.card, opened.engine.outputs)
        assert reader.references({}).shape == (0, 4)
        for data in (b"abc", b"abcd" * 100):
            with pytest.raises(BadModel, match="damaged"):
                reader.references({feature_vector.REFERENCES: data})


# ------------------------------------------------------------------------------------------------------------ scores


def around(direction: list[float], count: int, seed: int) -> np.ndarray:
    return feature_vector.unit(
        (np.array(direction) + np.random.default_rng(seed).normal(0, 0.1, (count, 3))).astype("f4")
    )


OTHERS = np.concatenate([around([1, 0, 0.3], 20, 1), around([0, 1, 0.3], 20, 2)])


def test_near_vectors_match_the_taught_class_and_others_are_unchanged() -> None:
    imprints = Imprints([TaughtClass(0, "new", around([0, 0, 1], 10, 3))], OTHERS)
    own = np.array([0.7, 0.3], np.float32)
    near = combine(own, imprints.evidence(around([0, 0, 1], 1, 9)[0]), True)
    far = combine(own, imprints.evidence(around([1, 0, 0.3], 1, 9)[0]), True)
    assert near.argmax() == 2
    assert near[2] > 0.8
    assert far == pytest.approx([0.7, 0.3, 0.0], abs=0.05)
    assert imprints.fits[0].separable


def test_inseparable_class_is_reported() -> None:
    imprints = Imprints([TaughtClass(0, "same", around([1, 0, 0.3], 10, 3))], OTHERS[:20])
    assert not imprints.fits[0].separable


def test_identical_frames_do_not_narrow_the_class() -> None:
    one = around([0, 0, 1], 1, 3)
    seen_once, seen_often = (Imprints([TaughtClass(0, "x", np.repeat(one, n, 0))], OTHERS).fits[0] for n in (1, 10))
    assert seen_often.middle == pytest.approx(seen_once.middle, abs=1e-5)
    assert seen_often.middle < seen_often.rival + 0.2


def test_two_taught_classes_are_distinguished() -> None:
    classes = [TaughtClass(0, "a", around([0, 0, 1], 5, 3)), TaughtClass(1, "b", around([0, -1, 0], 5, 4))]
    imprints = Imprints(classes, OTHERS)
    for number, direction in enumerate(([0, 0, 1], [0, -1, 0])):
        assert imprints.evidence(around(direction, 1, 8)[0]).argmax() == number


@given(
    arrays(np.float32, 4, elements=st.floats(0, 1, width=32)),
    arrays(np.float64, 3, elements=st.floats(-20, 20)),
)
def test_combined_scores_sum_to_one(own: np.ndarray, evidence: np.ndarray) -> None:
    total = max(float(own.sum()), 1e-6)
    found = combine(own / total, evidence, True)
    assert ((found >= 0) & (found <= 1)).all()
    if own.sum() > 1e-3:
        assert found.sum() == pytest.approx(1.0, abs=1e-3)
    # The model's own scores keep their order and proportions.
    assert found[:4] * (1 + np.exp(evidence).sum()) == pytest.approx(own / total, abs=1e-3)
    each = combine(own, evidence, False)
    assert each[:4] == pytest.approx(own)
    assert each[4:] == pytest.approx(1 / (1 + np.exp(-evidence)), abs=1e-6)


# ----------------------------------------------------------------------------------------------------------- overlay

VECTORS = around([0, 0, 1], 3, 5)
EMPTY = Overlay("ab" * 32, 3)


def test_taught_classes_survive_saving_and_loading(tmp_path: Path) -> None:
    overlay = EMPTY.teach("cup", VECTORS).teach("Übertasse", VECTORS[:1]).teach_background(VECTORS)
    overlay.save(tmp_path / "deep" / "x.json")
    found = load(tmp_path / "deep" / "x.json")
    assert found.names == ("cup", "Übertasse")
    assert found.next_number == 2
    assert found.classes[0].vectors == pytest.approx(VECTORS, abs=2e-3)
    assert found.background == pytest.approx(VECTORS, abs=2e-3)
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["x.json"]


def test_class_numbers_are_never_reused() -> None:
    overlay = EMPTY.teach("a", VECTORS).teach("b", VECTORS).forget("a").teach("c", VECTORS).teach("b", VECTORS)
    assert [(one.name, one.number, len(one.vectors)) for one in overlay.classes] == [("b", 1, 6), ("c", 2, 3)]
    assert len(overlay.teach("b", VECTORS[:1], anew=True).classes[0].vectors) == 1
    assert len(EMPTY.teach("a", np.repeat(VECTORS, 200, 0)).classes[0].vectors) == MAX_FRAMES


@pytest.mark.parametrize("name", ["", " ", "a\nb", "x" * 101, " cup"])
def test_names_that_do_not_fit_a_line_are_rejected(name: str) -> None:
    with pytest.raises(BadInput, match="invalid class name"):
        EMPTY.teach(name, VECTORS)


def valid() -> dict[str, object]:
    found: dict[str, object] = parse(EMPTY.teach("cup", VECTORS).dumps(), "taught")
    return found


def frame(values: list[float]) -> str:
    return base64.b64encode(np.array(values, "<f2").tobytes()).decode()


@pytest.mark.parametrize(
    "change",
    [
        {"schema": "edgevision.taught/9"},
        {"size": 0.5},
        {"size": True},
        {"size": -1},
        {"size": 10**9},
        {"next_number": 0},
        {"model_sha256": 7},
        {"classes": 7},
        {"classes": [7]},
        {"classes": [{"number": 0, "name": "a", "frames": []}]},
        {"classes": [{"number": 0, "name": "a", "frames": ["%%%"]}]},
        {"classes": [{"number": 0, "name": "a", "frames": [frame([1.0])]}]},
        {"classes": [{"number": 0, "name": "a", "frames": [frame([float("nan"), 0, 0])]}]},
        {"classes": [{"number": 0, "name": "a", "frames": [frame([0, 0, 0])]}]},
        {"classes": [{"number": 0, "name": 5, "frames": [frame([1, 0, 0])]}]},
        {"classes": [{"number": 0, "name": n, "frames": [frame([1, 0, 0])]} for n in ("a", "b")]},
        {"background": [3]},
    ],
)
def test_damaged_file_gives_a_one_line_error(change: dict[str, object]) -> None:
    with pytest.raises(BadInput) as raised:
        Overlay.loads(json.dumps({**valid(), **change}), "taught.json")
    assert "taught.json" in str(raised.value)
    assert "\n" not in str(raised.value)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)


@given(st.sampled_from(sorted(valid())), JSON)
def test_any_value_is_accepted_or_rejected(key: str, value: object) -> None:
    with contextlib.suppress(BadInput):
        Overlay.loads(json.dumps({**valid(), key: value}), "x")


@given(st.binary(max_size=200))
def test_any_bytes_are_rejected(data: bytes) -> None:
    with pytest.raises(BadInput):
        Overlay.loads(data, "x")


def test_state_folder_follows_systemd_and_xdg() -> None:
    assert state_folder(Path("x"), {}) == Path("x")
    assert state_folder(None, {"STATE_DIRECTORY": "/s/a:/s/b"}, user=5) == Path("/s/a")
    assert state_folder(None, {}, user=0) == Path("/var/lib/edgevision")
    assert state_folder(None, {"XDG_STATE_HOME": "/x", "HOME": "/h"}, user=5) == Path("/x/edgevision")
    assert state_folder(None, {"XDG_STATE_HOME": "relative", "HOME": "/h"}, user=5) == Path(
        "/h/.local/state/edgevision"
    )


# ----------------------------------------------------------------------------------------------------------- command


def test_class_is_taught_recognized_listed_and_forgotten(model: Path, tmp_path: Path) -> None:
    state = tmp_path / "state"
    lessons, shown = save(tmp_path, "lessons", YELLOW, 5), save(tmp_path, "shown", YELLOW, 8)
    done = teach("yellow", "--model", model, "--source", lessons, "--state", state, "--json")
    assert done.returncode == 0, done.stderr
    told = parse(done.stdout, "teach")
    assert (told["name"], told["frames"], told["total"], told["separable"]) == ("yellow", 5, 5, True)
    assert Path(told["state"]) == taught_file(model_file.read(model).sha256, state)
    run = edgevision("run", model, "--source", shown, "--json", "--state", state)
    best = [line["labels"][0] for line in parse_lines(run.stdout)]
    assert [(label["name"], label["index"]) for label in best] == [("yellow", 3)] * 8
    assert "taught: yellow" in run.stderr
    for name, colour in COLOURS.items():
        other = edgevision("run", model, "--source", save(tmp_path, name, colour, 2), "--json", "--state", state)
        assert [line["labels"][0]["name"] for line in parse_lines(other.stdout)] == [name] * 2
    assert "yellow" in teach("--list", "--model", model, "--state", state).stdout
    left = parse(teach("--forget", "yellow", "--model", model, "--state", state, "--json").stdout, "teach")
    assert left["classes"] == []
    again = edgevision("run", model, "--source", shown, "--json", "--state", state)
    assert "yellow" not in again.stdout
    assert "taught:" not in again.stderr


def test_lessons_accumulate_and_can_be_exported(model: Path, plain: Path, tmp_path: Path) -> None:
    lessons, moved = save(tmp_path, "lessons", YELLOW, 4), tmp_path / "moved.json"
    options = ("--model", model, "--state", tmp_path / "a")
    for total in (4, 8):
        told = teach("yellow", "--source", lessons, "--json", *options)
        assert parse(told.stdout, "teach")["total"] == total
    assert parse(teach("yellow", "--source", lessons, "--overwrite", "--json", *options).stdout, "teach")["total"] == 4
    assert teach("--background", "--camera", "test:", "--count", 2, "--every", 0, *options).returncode == 0
    assert parse(teach("--export", moved, "--json", *options).stdout, "teach")["background_frames"] == 2
    parse(moved.read_text(), "taught")
    assert teach("--export", moved, *options).returncode == 1
    there = ("--model", model, "--state", tmp_path / "b")
    assert teach("--import", moved, *there).stdout.startswith("imported yellow from ")
    told = teach("--list", "--json", *there)
    listed = parse(told.stdout, "teach")
    assert [(one["name"], one["frames"]) for one in listed["classes"]] == [("yellow", 4)]
    assert listed["background_frames"] == 2
    assert "would replace these taught classes" in one_line(teach("--import", moved, *there))


def test_classes_of_another_model_are_rejected(model: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.tflite"
    file = model_file.read(model)
    assert file.card is not None
    extra = {feature_vector.REFERENCES: file.files[feature_vector.REFERENCES]}
    model_file.write(other, file.flatbuffer, file.card.with_(name="other"), extra)
    lessons = save(tmp_path, "lessons", YELLOW, 4)
    teach("yellow", "--source", lessons, "--model", model, "--state", tmp_path)
    teach("--export", tmp_path / "x.json", "--model", model, "--state", tmp_path)
    said = one_line(teach("--import", tmp_path / "x.json", "--model", other, "--state", tmp_path))
    assert "another model" in said
    # ``run`` also rejects such a file in the place of the other model's.
    place = taught_file(model_file.read(other).sha256, tmp_path)
    place.write_bytes((tmp_path / "x.json").read_bytes())
    assert "another model" in one_line(edgevision("run", other, "--source", lessons, "--state", tmp_path))
    place.write_text("{}")
    assert "not a file of taught classes" in one_line(
        edgevision("run", other, "--source", lessons, "--state", tmp_path)
    )


def one_line(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode in (1, 2)
    assert done.stdout == ""
    (line,) = done.stderr.strip().splitlines()
    assert line.startswith("edgevision: error: ")
    return line


@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        ([], 2, "nothing to do"),
        (["cup", "--list"], 2, "cannot be combined"),
        (["cup", "--camera", "0", "--source", "x"], 2, "not both"),
        (["red", "--source", "lessons"], 1, "already a class"),
        (["a\nb", "--source", "lessons"], 1, "printable"),
        (["cup", "--source", "blank"], 1, "uniform in color"),
        (["cup", "--source", "nowhere"], 1, "no such file"),
        (["cup", "--camera", "fake:lost", "--quiet"], 1, "lost"),
        (["--forget", "cup"], 1, "nothing is taught"),
        (["--export", "x.json"], 1, "nothing was taught"),
        (["--import", "absent.json"], 1, "file of taught classes not found"),
        (["cup", "--count", "0"], 2, "--count"),
    ],
)
def test_errors_are_one_line(model: Path, tmp_path: Path, args: list[str], code: int, said: str) -> None:
    save(tmp_path, "lessons", YELLOW, 2)
    (tmp_path / "blank").mkdir()
    (tmp_path / "blank" / "0.png").write_bytes(decode.encode_png(Frame(np.full((9, 9, 3), 80, np.uint8), "RGB")))
    done = edgevision("teach", *args, "--model", model, "--state", "state", cwd=tmp_path)
    assert done.returncode == code, done.stderr
    assert said in one_line(done)
    assert not (tmp_path / "state").exists()


def test_model_without_an_embedding_cannot_be_taught(plain: Path, tmp_path: Path) -> None:
    said = one_line(teach("cup", "--model", plain, "--camera", "test:", "--state", tmp_path))
    assert "convert --with-embedding" in said


def test_embedding_model_predicts_taught_classes(data: Path, tmp_path: Path) -> None:
    from edgevision.inspection import add_card

    path = tmp_path / "embedder.tflite"
    add_card.write(
        add_card.new_card(data / "embedder.tflite", add_card.CardOptions(task="embedding", resize="stretch")), path
    )
    with open_model(path, threads=1) as opened:
        vectors = {name: np.stack([opened.embed(picture(c, seed)) for seed in range(4)]) for name, c in COLOURS.items()}
        overlay = Overlay(opened.sha256, 3)
        for name, rows in vectors.items():
            overlay = overlay.teach(name, rows)
        opened.set_imprints(overlay.imprints(np.zeros((0, 3), np.float32)))
        for name, colour in COLOURS.items():
            found = opened.predict(picture(colour, 99))
            assert found.top is not None
            assert found.top.name == name
            assert len(found.embedding) == 3
        opened.set_imprints(None)
        assert opened.predict(picture(YELLOW)).labels == ()


def test_detectors_cannot_be_taught(data: Path, tmp_path: Path) -> None:
    from edgevision.inspection import add_card

    path = tmp_path / "detector.tflite"
    add_card.write(add_card.new_card(data / "detector.tflite", add_card.CardOptions(resize="stretch")), path)
    with open_model(path, threads=1) as opened, pytest.raises(EdgeVisionError):
        opened.set_imprints(Imprints([TaughtClass(0, "x", VECTORS)], OTHERS))
