"""The check of labels: planted mistakes are found, and the command says what it rests on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("sklearn")
from command_line import edgevision
from documents import parse
from edgevision.device import check_labels, near_duplicates
from edgevision.device.label.check import check_session
from edgevision.device.label.mistakes import find_doubts
from edgevision.device.label.opening import open_folder
from edgevision.device.label.views import VIEWS
from label_page import draw

from edgevision import open_model
from edgevision.errors import BadInput, BadModel, MissingFile
from edgevision.files.run_folder import dump
from edgevision.inspection import add_card
from edgevision.preprocessing import decode
from edgevision.types import Frame

COLORS = {"red": (200, 30, 30), "green": (30, 200, 30), "blue": (30, 30, 200)}


def clusters(wrong: int, seed: int = 0) -> tuple[np.ndarray, list[str], list[int]]:
    """Return vectors of three overlapping classes with 60 images each, their labels, and the indices of planted mistakes."""
    rng = np.random.default_rng(seed)
    names = [name for name in ("a", "b", "c") for _ in range(60)]
    centers = {name: rng.normal(size=40) for name in ("a", "b", "c")}
    vectors = np.array([centers[name] + rng.normal(scale=0.8, size=40) for name in names], np.float32)
    planted = sorted(int(one) for one in rng.choice(len(names), wrong, replace=False))
    for index in planted:
        names[index] = {"a": "b", "b": "c", "c": "a"}[names[index]]
    return vectors, names, planted


def test_planted_mistakes_are_ranked_first() -> None:
    vectors, labels, planted = clusters(9)
    found = find_doubts(vectors, labels, list(range(len(labels))))
    worst = {one.image for one in found.doubts[:9]}
    assert len(worst & set(planted)) >= 8
    assert 4 <= found.estimate <= 12 and found.images == 180
    assert [one.doubt for one in found.doubts] == sorted((one.doubt for one in found.doubts), reverse=True)
    assert all(labels[one.image] == one.label != one.likely for one in found.doubts)


def test_copies_never_vouch_for_each_other() -> None:
    """A wrong label on ten copies is found only if a copy is not scored by a model that saw the others."""
    vectors, labels, (wrong,) = clusters(1)
    vectors = np.concatenate([vectors, np.repeat(vectors[wrong : wrong + 1], 9, axis=0)])
    labels += [labels[wrong]] * 9
    groups = [*range(180), *[wrong] * 9]
    found = {one.image for one in find_doubts(vectors, labels, groups).doubts}
    assert {wrong, *range(180, 189)} <= found


def test_small_classes_are_left_out_and_named() -> None:
    vectors, labels, _ = clusters(0)
    labels[0] = "rare"
    assert find_doubts(vectors, labels, list(range(180))).left_out == ("rare",)
    with pytest.raises(BadInput, match=r"needs two with at least 5 different images each; 0 of 1 have them"):
        find_doubts(vectors, ["same"] * 180, [0] * 180)


@pytest.fixture(scope="module")
def colored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of images in three colors, two of them in the wrong class."""
    folder = tmp_path_factory.mktemp("colored")
    rng = np.random.default_rng(5)
    for name, color in COLORS.items():
        for number in range(12):
            pixels = np.clip(np.array(color) + rng.integers(-25, 25, (40, 40, 3)), 0, 255).astype(np.uint8)
            wrong = (name, number) in (("red", 3), ("blue", 7))
            path = folder / ("green" if wrong else name) / f"{name}{number}.png"
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(decode.encode_png(Frame(pixels, "RGB")))
    return folder


def mean_color(folder: Path, path: str) -> np.ndarray:
    """Return a feature vector: the mean color."""
    return decode.read(folder / path).pixels.mean(axis=(0, 1)).astype(np.float32)


def test_page_shows_doubtful_labels_first_until_they_are_answered(colored: Path) -> None:
    opened = open_folder(colored)
    session = opened.session
    report = check_session(session, lambda path: mean_color(colored, path), "mean color")
    assert {one.path for one in report.mistakes} == {"green/red3.png", "green/blue7.png"}
    first = session.view(VIEWS[1])[0].item
    session.label([first.number], "green")  # it was right
    assert first.number not in [one.item.number for one in session.view(VIEWS[1])]
    again = check_session(session, lambda path: mean_color(colored, path), "mean color")
    assert (len(again.mistakes), again.confirmed) == (1, 1)
    session.undo()
    opened.close()


@pytest.fixture(scope="module")
def embedder(tmp_path_factory: pytest.TempPathFactory, data: Path) -> Path:
    """A model whose feature vector is the mean color."""
    path = tmp_path_factory.mktemp("model") / "embedder.tflite"
    options = add_card.CardOptions(task="embedding", resize="stretch")
    add_card.write(add_card.new_card(data / "embedder.tflite", options), path)
    return path


def test_command_prints_the_doubts_as_json(colored: Path, embedder: Path) -> None:
    done = edgevision("label", colored, "--check", "--json", "--model", embedder, cwd=colored)
    assert done.returncode == 0, done.stderr
    found = parse(done.stdout, "label_check")
    assert {one["path"] for one in found["doubts"]} >= {"green/red3.png", "green/blue7.png"}
    assert found["images"] == 36 and 0 <= found["agreement"] <= 1
    assert {one["label"] for one in found["doubts"]} <= set(COLORS)


def test_api_ranks_mistakes_and_lists_near_duplicates(colored: Path, embedder: Path) -> None:
    copied = decode.read(colored / "red/red1.png")
    copy = colored / "red" / "saved again.jpg"
    copy.write_bytes(decode.encode_jpeg(copied, 90))
    try:
        with open_model(embedder) as model:
            found = check_labels(str(colored), model)
        groups = near_duplicates(colored)
    finally:
        copy.unlink()
    assert {one.path for one in found.mistakes} >= {"green/red3.png", "green/blue7.png"}
    assert [one.score for one in found.mistakes] == sorted((one.score for one in found.mistakes), reverse=True)
    assert ("red/red1.png", "red/saved again.jpg") in groups
    assert parse(dump(found.to_json()), "label_check")["images"] == 37
    with pytest.raises(MissingFile, match="folder not found"):
        near_duplicates(colored / "absent")
    with open_model() as model, pytest.raises(BadModel, match="--with-embedding"):
        check_labels(colored, model)


def test_check_says_what_is_missing(tmp_path: Path, embedder: Path) -> None:
    draw(tmp_path / "_unsure/a.png", 1)
    for arguments, said in (
        (("--check",), "--check needs --model"),
        (("--json",), "--json prints the result of --check"),
        (("--check", "--json", "--model", embedder), "has no labeled images to check"),
    ):
        done = edgevision("label", tmp_path, *arguments, cwd=tmp_path)
        assert done.returncode and said in done.stderr and len(done.stderr.splitlines()) == 1
