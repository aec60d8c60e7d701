"""Points: cells of a grid merged into things, the file form of FOMO, places in the frame, and real files."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from documents import parse
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from raw_outputs import raw_outputs

from edgevision import open_model
from edgevision.errors import BadInput, BadModel
from edgevision.inspection import add_card
from edgevision.inspection.card_options import CardOptions
from edgevision.model_file import model_file
from edgevision.model_file.card_from_metadata import find_task
from edgevision.model_file.suitability import fitting_tasks
from edgevision.postprocessing.annotate import annotate, colour
from edgevision.postprocessing.cell_groups import group_cells
from edgevision.postprocessing.decoder import open_decoder
from edgevision.postprocessing.temporal import Decisions, policy_for
from edgevision.preprocessing.decode import encode_png, read
from edgevision.preprocessing.spec import Resize
from edgevision.types import Frame, Point, Prediction, TensorSpec

LEVEL = 0.5
GRIDS = arrays(
    np.float32,
    st.tuples(st.integers(1, 3), st.integers(1, 7), st.integers(1, 7)),
    elements=st.sampled_from([0.0, 0.1, 0.3, 0.45, 0.5, 0.7, 0.95, 1.0]),
)
REAL = {
    # file of a public repository, photo -> labels; all from Edge Impulse
    "files/openmv+openmv/lib/models/fomo_face_detection.tflite": ("grace_hopper.bmp", ("face",)),
    "files/Mouser-Electronics+Arduino-Nicla-Vision_SafeGear-Check/trained.tflite": ("multi_objects.jpg", None),
    "files/LehighBlimpGroup+FOMO_nicla_balloon/trained - Copy.tflite": ("cats_and_dogs.jpg", None),
    "files/mpallones+ic-on-tray-detection/trained.tflite": ("cat.bmp", None),
    "files/raspizone+ObjectDetection_OpenMV_H7_Plus/trained.tflite": ("cats_and_dogs.jpg", None),
    "files/avilmaru+openvmcamh7plus_machinelearning_fomo/trained.tflite": ("bird.bmp", None),
}


def by_hand(plane: np.ndarray, level: float) -> list[tuple[float, float, float]]:
    """Return score, x and y of the things in a plane of scores, by walking from cell to cell."""
    rest = {(int(r), int(c)) for r, c in zip(*np.nonzero(plane >= level), strict=True)}
    found = []
    while rest:
        heap, part = [min(rest)], []
        rest -= {heap[0]}
        while heap:
            row, column = heap.pop()
            part.append((row, column))
            around = {(row + dy, column + dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1)} & rest
            rest -= around
            heap += sorted(around)
        weights = [float(plane[cell]) for cell in part]
        x = sum(w * (c + 0.5) for w, (_, c) in zip(weights, part, strict=True)) / sum(weights)
        y = sum(w * (r + 0.5) for w, (r, _) in zip(weights, part, strict=True)) / sum(weights)
        found.append((max(weights), x, y))
    return found


@given(GRIDS)
def test_neighbors_of_a_class_are_one_thing(scores: np.ndarray) -> None:
    found = group_cells(scores, LEVEL, LEVEL)
    expected = [(n, *group) for n, plane in enumerate(scores) for group in by_hand(plane, LEVEL)]
    assert [group.score for group in found] == sorted((group.score for group in found), reverse=True)
    np.testing.assert_allclose(sorted(found), sorted(expected), atol=1e-5)


@given(GRIDS, st.floats(0, 1), st.floats(0, 1))
def test_threshold_hides_points_and_moves_none(scores: np.ndarray, one: float, other: float) -> None:
    low, high = sorted((one, other))
    everything = group_cells(scores, LEVEL, low)
    assert group_cells(scores, LEVEL, high) == [group for group in everything if group.score >= high]


def test_faint_cells_around_a_thing_are_no_further_points() -> None:
    scores = np.zeros((1, 5, 5), np.float32)
    scores[0, 1, 1:4] = 0.3, 0.9, 0.3
    scores[0, 4, 4] = 0.2
    assert [(group.score, group.x, group.y) for group in group_cells(scores, LEVEL, 0.1)] == [
        (pytest.approx(0.9), 2.5, 1.5),
        (pytest.approx(0.2), 4.5, 4.5),
    ]


def fomo(data: Path, folder: Path, resize: Resize = "stretch", labels: str | None = "green\nblue\n") -> Path:
    """Write a copy of the small FOMO with a model card; return its path."""
    names, path = folder / "names.txt", folder / "m.tflite"
    names.write_text(labels or "")
    given = add_card.new_card(data / "cells.tflite", CardOptions(resize=resize, labels=names if labels else None))
    add_card.write(given, path, overwrite=True)
    return path


def scene(width: int = 64, height: int = 64) -> Frame:
    """Return red, the background, with a green quarter in the upper left and a small blue square at the lower right."""
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[..., 0] = 255
    pixels[: height // 2, : width // 2] = 0, 255, 0
    pixels[-height // 4 :, -width // 4 :] = 0, 0, 255
    return Frame(pixels, "RGB")


def test_file_of_edge_impulse_is_recognized(data: Path, tmp_path: Path) -> None:
    file = model_file.read(data / "cells.tflite")
    assert find_task(file, file.graph()) == "points"
    with open_model(fomo(data, tmp_path), threads=1) as model:
        assert (model.card.task, model.card.labels) == ("points", ("green", "blue"))


def test_same_shape_with_other_names_stays_a_segmenter(data: Path, tmp_path: Path) -> None:
    content = (data / "cells.tflite").read_bytes()
    (tmp_path / "y.tflite").write_bytes(content.replace(b"serving_default_x:0", b"serving_default_y:0"))
    file = model_file.read(tmp_path / "y.tflite")
    assert find_task(file, file.graph()) == "segmentation"
    assert "points" in fitting_tasks(file, file.graph())


def test_points_are_at_their_places_in_the_frame(data: Path, tmp_path: Path) -> None:
    with open_model(fomo(data, tmp_path), threads=1) as model:
        found = model.predict(scene(200, 100)).points
    assert [(point.index, point.name) for point in found] == [(0, "green"), (1, "blue")]
    assert [(point.x, point.y) for point in found] == [(50.0, 25.0), (175.0, 87.5)]
    assert all(point.score > 0.95 for point in found)


@pytest.mark.parametrize(
    ("resize", "cell", "green", "blue"),
    [
        # The input sees 100x100 pixels of the middle, or the whole image in the middle half of its rows.
        ("crop", 25, (75, 25), (125, 75)),
        ("letterbox", 50, (0, 0), (150, 50)),
    ],
)
def test_points_come_back_from_a_part_of_the_frame_and_from_a_letterbox(
    data: Path, tmp_path: Path, resize: Resize, cell: int, green: tuple[int, int], blue: tuple[int, int]
) -> None:
    pixels = np.zeros((100, 200, 3), np.uint8)
    pixels[..., 0] = 255
    for (x, y), color in ((green, (0, 255, 0)), (blue, (0, 0, 255))):
        pixels[y : y + cell, x : x + cell] = color
    with open_model(fomo(data, tmp_path, resize), threads=1) as model:
        found = {point.name: (point.x, point.y) for point in model.predict(Frame(pixels, "RGB")).points}
    assert found == {
        "green": (green[0] + cell / 2, green[1] + cell / 2),
        "blue": (blue[0] + cell / 2, blue[1] + cell / 2),
    }


@pytest.mark.parametrize("labels", ["green\nblue\n", "background\ngreen\nblue\n"])
def test_labels_do_not_count_the_background(data: Path, tmp_path: Path, labels: str) -> None:
    with open_model(fomo(data, tmp_path, labels=labels), threads=1) as model:
        assert model.card.labels == ("green", "blue")


def test_wrong_number_of_labels_is_refused(data: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="got 1 labels, but the model has 2 classes"):
        fomo(data, tmp_path, labels="one\n")


def test_run_prints_valid_lines(data: Path, tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "a.png").write_bytes(encode_png(scene()))
    command = [
        sys.executable,
        "-m",
        "edgevision",
        "run",
        str(fomo(data, tmp_path)),
        "--source",
        str(tmp_path / "images"),
    ]
    done = subprocess.run([*command, "--json", "--events"], capture_output=True, text=True, timeout=120, check=True)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    frame = next(line for line in lines if line["type"] == "frame")
    assert [(one["name"], one["x"], one["y"]) for one in frame["points"]] == [
        ("green", 16.0, 16.0),
        ("blue", 56.0, 56.0),
    ]
    assert [line["label"]["name"] for line in lines if line.get("event") == "entered"] == ["green", "blue"]
    for line in lines:
        assert parse(json.dumps(line), "run_line") == line
    said = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout
    assert "green 1.00 at 16,16; blue 1.00 at 56,56" in said


@pytest.mark.parametrize(
    "spec",
    [TensorSpec("one class", (1, 4, 4, 1), "float32"), TensorSpec("flat", (1, 12), "float32")],
    ids=lambda spec: spec.name,
)
def test_other_outputs_are_refused(data: Path, tmp_path: Path, spec: TensorSpec) -> None:
    card = model_file.read(fomo(data, tmp_path)).card
    assert card is not None
    with pytest.raises(BadModel, match="to be a grid of cells"):
        open_decoder(card, [spec])


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "float32"])
def test_every_type_of_output_gives_the_same_points(data: Path, tmp_path: Path, dtype: str) -> None:
    card = model_file.read(fomo(data, tmp_path)).card
    assert card is not None
    scores = np.random.default_rng(5).dirichlet([1, 0.3, 0.3], (4, 4)).astype(np.float32)[np.newaxis]
    zero, scale = {"int8": (-128, 1 / 256), "uint8": (0, 1 / 256), "int16": (0, 1 / 32768)}.get(dtype, (0, 0.0))
    stored = scores if not scale else np.clip(np.rint(scores / scale) + zero, *_range(dtype)).astype(dtype)
    found = open_decoder(card, [TensorSpec("out", scores.shape, dtype, scale, zero)]).decode(
        [stored], (64, 64), 5, None
    )
    exact = open_decoder(card, [TensorSpec("out", scores.shape, "float32")]).decode([scores], (64, 64), 5, None)
    assert len(exact.points) > 1
    assert [point.index for point in found.points] == [point.index for point in exact.points]
    for one, other in zip(found.points, exact.points, strict=True):
        assert (one.score, one.x, one.y) == pytest.approx((other.score, other.x, other.y), abs=0.2)


def _range(dtype: str) -> tuple[int, int]:
    return np.iinfo(dtype).min, np.iinfo(dtype).max


def test_raw_scores_of_a_grid_without_softmax_are_normalized(data: Path, tmp_path: Path) -> None:
    card = model_file.read(fomo(data, tmp_path)).card
    assert card is not None
    logits = np.full((1, 4, 4, 3), [4.0, 0.0, 0.0], np.float32)
    logits[0, 1, 2] = 0.0, 3.0, 0.0
    found = open_decoder(card.with_(activation="logits"), [TensorSpec("out", logits.shape, "float32")])
    (point,) = found.decode([logits], (64, 64), 5, None).points
    assert point.score == pytest.approx(np.exp(3) / (np.exp(3) + 2), abs=1e-5)
    assert (point.index, point.x, point.y) == (0, 40.0, 24.0)


def test_scores_that_are_no_numbers_are_refused(data: Path, tmp_path: Path) -> None:
    card = model_file.read(fomo(data, tmp_path)).card
    assert card is not None
    decoder = open_decoder(card, [TensorSpec("out", (1, 2, 2, 3), "float32")])
    with pytest.raises(BadModel, match="not numbers"):
        decoder.decode([np.full((1, 2, 2, 3), np.nan, np.float32)], (64, 64), 5, None)


def test_classes_of_points_enter_and_leave() -> None:
    decisions = Decisions(policy_for("points"))
    seen = Prediction("points", points=(Point(0, "bolt", 0.7, 1.0, 2.0), Point(0, "bolt", 0.9, 5.0, 6.0)))
    (entered,) = decisions.update(seen, 0, 0.0).changes
    (left,) = decisions.update(Prediction("points"), 1, 0.5).changes
    assert (entered.kind, entered.describe(), entered.label.score) == ("entered", "bolt", 0.9)
    assert (left.kind, left.duration_s) == ("left", 0.5)


def test_points_are_drawn_where_they_are() -> None:
    frame = Frame(np.full((480, 640, 3), 40, np.uint8), "RGB")
    drawn = annotate(frame, Prediction("points", points=(Point(3, "bolt", 0.9, 300.0, 200.0),))).pixels
    assert tuple(drawn[200, 300]) == colour(3)
    assert (drawn[300:] == 40).all()


@pytest.mark.parametrize("name", REAL)
def test_real_files_give_the_points_of_an_independent_reading(
    survey: Path, shared: Path, tmp_path: Path, name: str
) -> None:
    photo, labels = REAL[name]
    (tmp_path / "names.txt").write_text("\n".join(labels or ()))
    given = add_card.new_card(
        survey / name, CardOptions(resize="crop", labels=tmp_path / "names.txt" if labels else None)
    )
    assert given.card.task == "points"
    add_card.write(given, tmp_path / "m.tflite")
    frame = read(shared / "data" / "pictures" / photo)
    with open_model(tmp_path / "m.tflite", threads=1) as model:
        found = model.predict(frame).points
        (output,) = raw_outputs(survey / name, model.prepare(frame))[0]
    side, (rows, columns) = min(frame.width, frame.height), output.shape[:2]
    left, top = (frame.width - side) // 2, (frame.height - side) // 2
    expected = sorted(
        (n, score, left + x / columns * side, top + y / rows * side)
        for n in range(output.shape[2] - 1)
        for score, x, y in by_hand(output[..., n + 1], 0.5)
    )
    got = sorted((point.index, point.score, point.x, point.y) for point in found)
    np.testing.assert_allclose(got, expected, atol=1.0)
    np.testing.assert_allclose([one[1] for one in got], [one[1] for one in expected], atol=0.01)
