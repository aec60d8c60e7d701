"""Layouts that list a box for each cell of a grid, against a reading of the same numbers, box by box."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgevision.errors import BadModel
from edgevision.output_layouts.layout import Candidates, OutputView
from edgevision.output_layouts.registry import open_layout, recognize
from edgevision.output_layouts.ultralytics_metadata import describe
from edgevision.output_layouts.yolo_obb import around
from edgevision.tflite.outputs import OutputFacts
from edgevision.types import TensorSpec

SIDE = 64
STRIDES = (8, 16, 32)
CELLS = [(x, y, stride) for stride in STRIDES for y in range(SIDE // stride) for x in range(SIDE // stride)]
COUNT = len(CELLS)
LIMIT = 0.6


def view(*outputs: np.ndarray, labels: int = 0, **about: object) -> OutputView:
    """``about``: what Ultralytics writes into the archive."""
    specs = tuple(TensorSpec(f"out{n}", output.shape, output.dtype.name) for n, output in enumerate(outputs))
    text = json.dumps({"author": "Ultralytics", **about}).encode()
    return OutputView(specs, SIDE, SIDE, labels, OutputFacts(files={"metadata.json": text} if about else {}))


def places(rng: np.random.Generator) -> np.ndarray:
    """Return center and size (pixels) of a box around each cell, (n, 4)."""
    middles = np.array([((x + 0.5) * s, (y + 0.5) * s) for x, y, s in CELLS])
    strides = np.array([[s] for _, _, s in CELLS])
    return np.hstack([middles + rng.uniform(-1, 1, (COUNT, 2)) * strides, rng.uniform(0.5, 3, (COUNT, 2)) * strides])


def scores(rng: np.random.Generator, classes: int) -> np.ndarray:
    return rng.uniform(0, 1, (COUNT, classes)).astype(np.float32)


def same(found: Candidates, boxes: np.ndarray, scored: np.ndarray, limit: float = LIMIT) -> list[int]:
    """Compare candidates with center and size, and the scores, of all boxes; return the rows that were to be found."""
    rows = [row for row in range(COUNT) if max(scored[row].tolist()) >= limit]
    assert len(rows) > 5
    assert found.classes.tolist() == [int(np.argmax(scored[row])) for row in rows]
    np.testing.assert_allclose(found.scores, [max(scored[row].tolist()) for row in rows], atol=1e-5)
    for box, row in zip(found.boxes.tolist(), rows, strict=True):
        x, y, w, h = boxes[row].tolist()
        np.testing.assert_allclose(box, [x - w / 2, y - h / 2, x + w / 2, y + h / 2], atol=2e-3)
    return rows


def as_float(*parts: np.ndarray) -> np.ndarray:
    return np.hstack(parts).astype(np.float32)[np.newaxis]


def logits_of(probabilities: np.ndarray) -> np.ndarray:
    return np.log(probabilities / (1 - probabilities))


def distances_of(boxes: np.ndarray, bins: int, middle: float) -> np.ndarray:
    """Return logits whose shares have the distances from cell to sides as their mean, (n, 4 * bins)."""
    logits = np.full((COUNT, 4, bins), -40.0)
    for row, ((x, y, stride), (cx, cy, w, h)) in enumerate(zip(CELLS, boxes.tolist(), strict=True)):
        px, py = (x + middle) * stride, (y + middle) * stride
        sides = (px - cx + w / 2, py - cy + h / 2, cx + w / 2 - px, cy + h / 2 - py)
        for side, distance in enumerate(sides):
            whole, rest = divmod(distance / stride, 1)
            logits[row, side, int(whole)] = math.log(max(1 - rest, 1e-9))
            logits[row, side, int(whole) + 1] = math.log(max(rest, 1e-9))
    return logits.reshape(COUNT, -1)


def wide(rng: np.random.Generator) -> np.ndarray:
    """Return boxes that contain the middle and the corner of their cell."""
    boxes = places(rng)
    boxes[:, 2:] += 2.5 * np.array([[s] for _, _, s in CELLS])
    return boxes


def per_grid(values: np.ndarray, channels_first: bool) -> list[np.ndarray]:
    """Return one output for each grid, as an image of its cells."""
    found, start = [], 0
    for stride in STRIDES:
        side = SIDE // stride
        image = values[0, start : start + side * side].reshape(1, side, side, -1)
        found.append(np.ascontiguousarray(np.moveaxis(image, 3, 1) if channels_first else image))
        start += side * side
    return found


# --- poses


@pytest.mark.parametrize("points_in_pixels", [False, True])
@pytest.mark.parametrize("numbers", [2, 3])
def test_pose_has_the_points_of_its_object(numbers: int, points_in_pixels: bool) -> None:
    rng = np.random.default_rng(1)
    boxes, scored = places(rng), scores(rng, 2)
    points = rng.uniform(-8, 70, (COUNT, 4, 2))
    sure = rng.uniform(0, 1, (COUNT, 4, 1))
    written = np.dstack([points if points_in_pixels else points / SIDE, sure][: numbers - 1]).reshape(COUNT, -1)
    output = np.swapaxes(as_float(boxes / SIDE, scored, written), 1, 2)
    layout = open_layout(view(output, task="pose", kpt_shape=[4, numbers]))
    assert (layout.name, layout.classes) == ("yolo-pose", 2)
    found = layout.read([output], LIMIT)
    rows = same(found, boxes, scored)
    assert found.keypoints is not None
    assert found.keypoints.names == ("point_0", "point_1", "point_2", "point_3")
    np.testing.assert_allclose(found.keypoints.values[:, :, :2], points[rows], atol=1e-3)
    if numbers == 3:
        np.testing.assert_allclose(found.keypoints.values[:, :, 2:], sure[rows], atol=1e-6)
    else:
        assert np.isnan(found.keypoints.values[:, :, 2]).all()


def test_one_label_makes_a_pose_of_people_and_fifty_two_a_detector() -> None:
    output = np.zeros((1, 56, COUNT), np.float32)
    pose = open_layout(view(output, labels=1))
    assert pose.name == "yolo-pose"
    points = pose.read([np.full_like(output, 0.5)], LIMIT - 0.2).keypoints
    assert points is not None
    assert points.names[0] == "nose"
    assert open_layout(view(output, labels=52)).name == "yolo"
    with pytest.raises(BadModel, match=r"yolo \(52 classes\) or yolo-pose \(1 class\).*--layout"):
        open_layout(view(output))
    assert open_layout(view(output), "yolo-pose").classes == 1


# --- rotated boxes


def test_rotated_boxes_are_read_as_upright_ones() -> None:
    rng = np.random.default_rng(2)
    boxes, scored = places(rng), scores(rng, 3)
    angles = rng.uniform(-1, 2, (COUNT, 1))
    output = np.swapaxes(as_float(boxes / SIDE, scored, angles), 1, 2)
    layout = open_layout(view(output, task="obb"))
    assert (layout.name, layout.classes) == ("yolo-obb", 3)
    hulls = []
    for (x, y, w, h), (angle,) in zip(boxes.tolist(), angles.tolist(), strict=True):
        turned = [
            (
                a * w / 2 * math.cos(angle) - b * h / 2 * math.sin(angle),
                a * w / 2 * math.sin(angle) + b * h / 2 * math.cos(angle),
            )
            for a, b in ((-1, -1), (-1, 1), (1, -1), (1, 1))
        ]
        hulls.append([x, y, 2 * max(p[0] for p in turned), 2 * max(p[1] for p in turned)])
    same(layout.read([output], LIMIT), np.array(hulls), scored)


@given(st.floats(-10, 10), st.floats(0.1, 50), st.floats(0.1, 50))
def test_upright_box_around_a_turned_one_is_never_smaller(angle: float, w: float, h: float) -> None:
    x0, y0, x1, y1 = around(np.array([[-w / 2, -h / 2, w / 2, h / 2]]), np.array([[angle]]))[0]
    assert min(x1 - x0, y1 - y0) >= min(w, h) - 1e-9
    assert max(x1 - x0, y1 - y0) <= math.hypot(w, h) + 1e-9


# --- boxes and scores in outputs of their own


@pytest.mark.parametrize("corners", [False, True])
@pytest.mark.parametrize("pixels", [False, True])
@pytest.mark.parametrize("channels_first", [False, True])
def test_split_outputs_have_boxes_of_any_form(channels_first: bool, pixels: bool, corners: bool) -> None:
    rng = np.random.default_rng(3)
    boxes, scored = places(rng), scores(rng, 5)
    written = np.hstack([boxes[:, :2] - boxes[:, 2:] / 2, boxes[:, :2] + boxes[:, 2:] / 2]) if corners else boxes
    outputs = [as_float(scored), as_float(written if pixels else written / SIDE)]
    outputs = [np.swapaxes(one, 1, 2) for one in outputs] if channels_first else outputs
    layout = open_layout(view(*outputs))
    assert (layout.name, layout.classes) == ("yolo-split", 5)
    same(layout.read(outputs, LIMIT), boxes, scored)


def test_boxes_that_are_nowhere_near_their_cells_are_refused() -> None:
    outputs = [np.full((1, COUNT, 5), 0.9, np.float32), np.full((1, COUNT, 4), 1e6, np.float32)]
    with pytest.raises(BadModel, match="not around the cells of its grid"):
        open_layout(view(*outputs)).read(outputs, LIMIT)


# --- distributions


@pytest.mark.parametrize("logits", [False, True])
@pytest.mark.parametrize("form", ["two outputs", "one output", "grids", "grids, channels first", "grids, one output"])
def test_distributions_are_the_means_of_their_shares(form: str, logits: bool) -> None:
    rng = np.random.default_rng(4)
    boxes, scored = wide(rng), scores(rng, 80)
    written = [as_float(distances_of(boxes, 16, 0.5)), as_float(logits_of(scored) if logits else scored)]
    if form == "one output":
        outputs = [as_float(*(one[0] for one in written))]
    elif form == "two outputs":
        outputs = [np.swapaxes(one, 1, 2) for one in written]
    elif form == "grids, one output":
        outputs = per_grid(as_float(*(one[0] for one in written)), channels_first=False)[::-1]
    else:
        outputs = [one for values in written for one in per_grid(values, "first" in form)][::-1]
    layout = open_layout(view(*outputs, labels=80))
    assert (layout.name, layout.classes) == ("yolo-distribution", 80)
    same(layout.read(outputs, 0.99), boxes, scored, 0.99)


@pytest.mark.parametrize("grids", [False, True])
def test_nanodet_lists_scores_before_distances(grids: bool) -> None:
    rng = np.random.default_rng(5)
    boxes, scored = wide(rng), scores(rng, 3)
    written = [as_float(scored), as_float(distances_of(boxes, 8, 0.5))]
    outputs = (
        [one for values in written for one in per_grid(values, False)]
        if grids
        else [as_float(*(w[0] for w in written))]
    )
    layout = open_layout(view(*outputs, labels=3))
    assert (layout.name, layout.classes) == ("nanodet", 3)
    same(layout.read(outputs, LIMIT), boxes, scored)


def test_nanodet_plus_measures_from_the_corner_of_a_cell() -> None:
    output = np.full((1, COUNT + 1, 4 + 32), -40.0, np.float32)  # a fourth grid of one cell
    output[0, :, :4] = 0.1
    output[0, 9, 2] = 0.9
    output[0, 9, 4::8] = 40.0  # distance 0 to all sides
    output[0, 9, 5::8] = 40.0  # and 1: the mean is half a cell
    found = open_layout(view(output, labels=4)).read([output], LIMIT)
    assert found.boxes.tolist() == [[4.0, 4.0, 12.0, 12.0]]  # cell 9 is (1, 1), from 8 to 16


# --- YOLOX


@pytest.mark.parametrize("form", ["offsets", "pixels", "0 to 1", "offsets, grids"])
def test_yolox_is_read_in_all_forms(form: str) -> None:
    rng = np.random.default_rng(6)
    boxes, scored = places(rng), scores(rng, 4)
    sure = rng.uniform(0.7, 1, (COUNT, 1)).astype(np.float32)
    written = boxes if form == "pixels" else boxes / SIDE
    if form.startswith("offsets"):
        corners = np.array([(x * s, y * s) for x, y, s in CELLS])
        strides = np.array([[s] for _, _, s in CELLS])
        written = np.hstack([(boxes[:, :2] - corners) / strides, np.log(boxes[:, 2:] / strides)])
    output = as_float(written, sure, scored)
    outputs = per_grid(output, channels_first=False) if form.endswith("grids") else [output]
    layout = open_layout(view(*outputs, labels=4))
    assert (layout.name, layout.classes) == ("yolox", 4)
    same(layout.read(outputs, LIMIT), boxes, scored * sure)


# --- masks


@pytest.mark.parametrize("anchors", [1, 3])
@pytest.mark.parametrize("channels_first", [False, True])
def test_masks_are_the_weighted_sum_of_prototypes(channels_first: bool, anchors: int) -> None:
    rng = np.random.default_rng(7)
    count = COUNT * anchors
    boxes = np.repeat(places(rng), anchors, axis=0)
    scored, weights = rng.uniform(0, 1, (count, 2)), rng.normal(0, 1, (count, 5))
    shared = rng.normal(0, 1, (1, 16, 16, 5)).astype(np.float32)
    objectness = [np.ones((count, 1))] if anchors == 3 else []
    output = as_float(boxes / SIDE, *objectness, scored, weights)
    given_shared = np.ascontiguousarray(np.moveaxis(shared, 3, 1)) if channels_first else shared
    layout = open_layout(view(given_shared, output))
    assert (layout.name, layout.classes) == ("yolo-segmentation", 2)
    found = layout.read([given_shared, output], LIMIT)
    rows = [row for row in range(count) if scored[row].max() >= LIMIT]
    assert found.masks is not None
    np.testing.assert_allclose(found.masks.coefficients, weights[rows], atol=1e-5)
    np.testing.assert_array_equal(found.masks.prototypes, shared[0])


# --- end to end


@pytest.mark.parametrize("pixels", [False, True])
def test_end_to_end_rows_have_key_points(pixels: bool) -> None:
    rows = np.zeros((1, 300, 6 + 6), np.float32)
    rows[0, 0] = 8, 16, 32, 64, 0.9, 1, 10, 20, 0.8, -4, 70, 0.3
    if not pixels:
        rows[0, 0, [0, 1, 2, 3, 6, 7, 9, 10]] /= SIDE
    names = {"0": ["head", "tail"]}
    layout = open_layout(view(rows, task="pose", kpt_shape=[2, 3], kpt_names=names))
    assert (layout.name, layout.overlapping) == ("end-to-end", False)
    found = layout.read([rows], 0.5)
    assert found.boxes.tolist() == [[8, 16, 32, 64]]
    assert found.keypoints is not None
    assert found.keypoints.names == ("head", "tail")
    np.testing.assert_allclose(found.keypoints.values, [[[10, 20, 0.8], [-4, 70, 0.3]]], atol=1e-5)
    assert "end-to-end" not in [one.name for one in recognize(view(rows))]  # twelve columns can be anything


def test_end_to_end_rows_have_masks() -> None:
    rows, shared = np.zeros((1, 300, 6 + 32), np.float32), np.ones((1, 32, 16, 16), np.float32)
    rows[0, 3] = [8, 16, 32, 64, 0.9, 1, *range(32)]
    layout = open_layout(view(rows, shared))
    found = layout.read([rows, shared], 0.5)
    assert layout.name == "end-to-end"
    assert found.masks is not None
    assert found.masks.coefficients.tolist() == [list(range(32))]
    assert found.masks.prototypes.shape == (16, 16, 32)


def test_quantization_that_cannot_hold_the_classes_is_refused() -> None:
    spec = TensorSpec("out0", (1, 300, 6), "int8", 0.005, -128)
    assert open_layout(OutputView((spec,), SIDE, SIDE, labels=2)).name == "end-to-end"
    with pytest.raises(BadModel, match=r"ruins the classes.*end at 1\.28.*80 classes.*float outputs"):
        open_layout(OutputView((spec,), SIDE, SIDE, labels=80))


# --- what is refused


def test_logits_in_the_place_of_probabilities_are_refused() -> None:
    output = np.full((1, 8, COUNT), -3.0, np.float32)
    with pytest.raises(
        BadModel, match=r"out0 should hold scores, but its values go from -3 to -3; it has another layout"
    ):
        open_layout(view(output, labels=4)).read([output], LIMIT)


@pytest.mark.parametrize("names", [["yolo"], ["yolo-objectness"]])
def test_scores_that_are_not_numbers_are_refused(names: list[str]) -> None:
    anchors = 3 if names == ["yolo-objectness"] else 1
    output = np.full((1, 9, COUNT * anchors), 0.5, np.float32)
    layout = open_layout(view(output, labels=5 - (anchors == 3)))
    assert [layout.name] == names
    layout.read([output], 0.1)
    output[0, 4:, 7] = np.nan
    with pytest.raises(BadModel, match="not numbers"):
        layout.read([output], 0.1)


@pytest.mark.parametrize(
    ("shapes", "names"),
    [
        ([(1, COUNT, 64), (1, COUNT, 17)], ["yolo-distribution"]),
        ([(1, COUNT, 64), (1, COUNT, 64)], []),  # which of them are the boxes?
        ([(1, COUNT, 4), (1, COUNT, 4)], []),
        ([(1, COUNT, 4), (1, COUNT - 1, 5)], []),
        ([(1, COUNT, 112)], ["nanodet", "yolo", "yolox"]),
        ([(1, 144, COUNT)], ["yolo", "yolo-distribution"]),
        ([(1, 8, 8, 4), (1, 4, 4, 4), (1, 2, 2, 4)], []),
        ([(1, 37, COUNT), (1, 16, 16, 32)], ["yolo-segmentation"]),
        ([(1, 36, COUNT), (1, 16, 16, 32)], []),  # no class is left
        ([(1, 4, 4, 30)], []),  # YOLOv2 has such outputs, with anchors
    ],
)
def test_layout_is_recognized_from_the_shapes(shapes: list[tuple[int, ...]], names: list[str]) -> None:
    assert [layout.name for layout in recognize(view(*(np.zeros(shape, np.float32) for shape in shapes)))] == names


@pytest.mark.parametrize(
    ("about", "shape", "names"),
    [
        ({"task": "detect"}, (1, 56, COUNT), ["yolo"]),
        ({"task": "detect"}, (1, COUNT, 56), ["yolo"]),
        ({"task": "pose", "kpt_shape": [17, 3]}, (1, 56, COUNT), ["yolo-pose"]),
        ({"task": "pose", "kpt_shape": [20, 3]}, (1, 56, COUNT), []),
        ({"task": "obb"}, (1, 20, COUNT), ["yolo-obb"]),
        ({"task": "pose", "author": "someone else"}, (1, 21, COUNT), ["yolo"]),
    ],
)
def test_exporter_tells_the_layout(about: dict[str, object], shape: tuple[int, ...], names: list[str]) -> None:
    assert [layout.name for layout in recognize(view(np.zeros(shape, np.float32), **about))] == names


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe\x00",
        b"[" * 10_000,
        b'{"author": "Ultralytics", "kpt_shape": [1]}',
        b"not JSON",
        b'{"author": 3}',
    ],
)
def test_damaged_description_says_nothing(content: bytes) -> None:
    assert describe({"metadata.json": content}) is None
    assert describe({"temp_meta.txt": content}) is None


def test_description_of_older_exports_is_a_python_literal() -> None:
    about = describe(
        {"temp_meta.txt": b"{'author': 'Ultralytics', 'task': 'pose', 'kpt_shape': [17, 3], 'names': {0: 'person'}}"}
    )
    assert about is not None
    assert (about.task, about.keypoints, about.names) == ("pose", (17, 3), ("person",))


@pytest.mark.parametrize("stride_counts", [STRIDES])
def test_quantized_heads_have_scales_of_their_own(stride_counts: Sequence[int]) -> None:
    """Each grid of an export has its own quantization, and logits with large steps keep their meaning."""
    rng = np.random.default_rng(8)
    boxes, scored = wide(rng), scores(rng, 6)
    written = [as_float(distances_of(boxes, 16, 0.5).clip(-20)), as_float(logits_of(scored.clip(0.01, 0.99)))]
    outputs, specs, real = [], [], []
    grids = [one for part in written for one in per_grid(part, channels_first=False)]
    for number, values in enumerate(grids):
        scale = float(np.abs(values).max()) / (100 + number)
        stored = np.round(values / scale).astype(np.int8)
        outputs.append(stored)
        specs.append(TensorSpec(f"out{number}", values.shape, "int8", scale, 0))
        real.append(stored.astype(np.float32) * np.float32(scale))
    layout = open_layout(OutputView(tuple(specs), SIDE, SIDE))
    expected = open_layout(view(*real)).read(real, LIMIT)
    found = layout.read(outputs, LIMIT)
    assert expected.scores.size > 20
    assert found.classes.tolist() == expected.classes.tolist()
    np.testing.assert_allclose(found.boxes, expected.boxes, atol=1e-3)
    np.testing.assert_allclose(found.scores, expected.scores, atol=1e-5)
