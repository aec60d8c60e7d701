"""MediaPipe's detectors against an independent reading of the same numbers, on made-up outputs and on real files."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from agreement import same_objects
from raw_outputs import photo_of_whole_blocks, raw_outputs

from edgevision import open_model
from edgevision.inspection import add_card
from edgevision.inspection.card_options import CardOptions
from edgevision.inspection.report import inspect
from edgevision.output_layouts.layout import OutputView
from edgevision.output_layouts.registry import open_layout, recognize
from edgevision.types import TensorSpec

GRIDS = {896: {128: [(8, 2), (16, 6)], 256: [(16, 2), (32, 6)]}, 2016: {192: [(8, 2), (16, 6)]}, 2304: {192: [(4, 1)]}}
GRIDS |= {2254: {224: [(8, 2), (16, 2), (32, 6)]}}
"""Number of anchors -> side of the input -> stride and anchors per cell."""
WHEEL = "wheels/mediapipe-0.10.14/"
REAL = {
    # file of a public repository or package -> photos in which it finds something
    f"{WHEEL}face_detection_short_range.tflite": ("grace_hopper.bmp", "segmentation_input.jpg"),
    f"{WHEEL}face_detection_full_range_sparse.tflite": ("grace_hopper.bmp", "segmentation_input.jpg"),
    f"{WHEEL}pose_detection.tflite": ("grace_hopper.bmp", "segmentation_input.jpg"),
    "files/hugocornellier+face_detection_tflite/assets/models/face_detection_back.tflite": ("segmentation_input.jpg",),
    "files/openmv+openmv/lib/models/blazeface_front_128.tflite": ("grace_hopper.bmp",),
    f"{WHEEL}palm_detection_full.tflite": ("cat_720p.jpg",),
}


class Thing(NamedTuple):
    """One thing, as plain numbers."""

    score: float
    box: tuple[float, ...]
    points: list[tuple[float, float]]


def by_hand(values: np.ndarray, raw: np.ndarray, side: int, limit: float) -> list[Thing]:
    """Read anchors one by one and average those that overlap."""
    found = []
    for (x, y), numbers, score in zip(anchors(len(values), side), values.tolist(), raw.tolist(), strict=True):
        score = 1 / (1 + math.exp(-score))
        if score >= limit:
            cx, cy, w, h, *rest = numbers
            box = (x + cx - w / 2, y + cy - h / 2, x + cx + w / 2, y + cy + h / 2)
            found.append(Thing(score, box, [(x + px, y + py) for px, py in zip(rest[::2], rest[1::2], strict=True)]))
    found.sort(key=lambda thing: -thing.score)
    kept = []
    while found:
        group = [thing for thing in found if thing is found[0] or overlap(found[0].box, thing.box) > 0.3]
        total = sum(thing.score for thing in group)
        box = tuple(sum(thing.score * thing.box[n] for thing in group) / total for n in range(4))
        points = [
            tuple(sum(thing.score * thing.points[k][n] for thing in group) / total for n in range(2))
            for k in range(len(found[0].points))
        ]
        kept.append(Thing(found[0].score, box, points))
        found = [thing for thing in found if thing not in group]
    return kept


def anchors(count: int, side: int) -> Iterator[tuple[float, float]]:
    for stride, per_cell in GRIDS[count][side]:
        for row in range(side // stride):
            for column in range(side // stride):
                yield from [((column + 0.5) * stride, (row + 0.5) * stride)] * per_cell


def overlap(one: tuple[float, ...], other: tuple[float, ...]) -> float:
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    shared = max(0.0, width) * max(0.0, height)
    return shared / (sum((box[2] - box[0]) * (box[3] - box[1]) for box in (one, other)) - shared)


def outputs_of(count: int, points: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    values = rng.normal(0, 8, (count, 4 + 2 * points)).astype(np.float32)
    values[:, 2:4] = rng.uniform(10, 60, (count, 2))
    raw = rng.normal(-6, 3, count).astype(np.float32)
    return values, raw


@pytest.mark.parametrize(
    ("count", "side", "points"),
    [(896, 128, 6), (896, 256, 6), (2304, 192, 6), (2016, 192, 7), (2254, 224, 4), (896, 128, 9)],
)
def test_anchors_are_read_one_by_one(count: int, side: int, points: int) -> None:
    values, raw = outputs_of(count, points, np.random.default_rng(count))
    specs = (
        TensorSpec("regressors", (1, *values.shape), "float32"),
        TensorSpec("classificators", (1, count, 1), "float32"),
    )
    (layout,) = recognize(OutputView(specs, side, side))
    found = layout.read([values[np.newaxis], raw[np.newaxis, :, np.newaxis]], 0.5)
    expected = by_hand(values, raw, side, 0.5)
    assert layout.name == "mediapipe"
    assert len(expected) > 3
    assert found.keypoints is not None and len(set(found.keypoints.names)) == points
    np.testing.assert_allclose(found.scores, [thing.score for thing in expected], atol=1e-5)
    np.testing.assert_allclose(found.boxes, [thing.box for thing in expected], atol=1e-2)
    np.testing.assert_allclose(found.keypoints.values[..., :2], [thing.points for thing in expected], atol=1e-2)
    assert np.isnan(found.keypoints.values[..., 2]).all()


@pytest.mark.parametrize("order", [(2, 0, 1, 3), (0, 1, 2, 3), (3, 2, 1, 0)])
def test_parts_in_outputs_of_their_own_may_have_any_order(order: tuple[int, ...]) -> None:
    values, raw = outputs_of(896, 6, np.random.default_rng(7))
    raw = raw[:, np.newaxis]
    parts = [values[:512], raw[:512], values[512:], raw[512:]]
    specs = tuple(TensorSpec(f"out:{n}", (1, *parts[n].shape), "float32") for n in order)
    (layout,) = recognize(OutputView(specs, 128, 128))
    found = layout.read([parts[n][np.newaxis] for n in order], 0.5)
    np.testing.assert_allclose(found.boxes, [thing.box for thing in by_hand(values, raw[:, 0], 128, 0.5)], atol=1e-2)


@pytest.mark.parametrize(("dtype", "tolerance"), [("int8", 1.0), ("uint8", 1.0), ("int16", 0.02)])
def test_quantized_outputs_give_the_same_things(dtype: str, tolerance: float) -> None:
    values, raw = outputs_of(896, 6, np.random.default_rng(3))
    levels = np.iinfo(dtype)
    scale, raw_scale = 160.0 / (levels.max - levels.min), 24.0 / (levels.max - levels.min)
    zero = (levels.max + levels.min + 1) // 2
    specs = (
        TensorSpec("boxes", (1, 896, 16), dtype, scale, zero),
        TensorSpec("scores", (1, 896, 1), dtype, raw_scale, zero),
    )
    stored = [
        np.clip(np.rint(part / step) + zero, levels.min, levels.max).astype(dtype)[np.newaxis]
        for part, step in ((values, scale), (raw[:, np.newaxis], raw_scale))
    ]
    found = open_layout(OutputView(specs, 128, 128)).read(stored, 0.5)
    real = [(part[0].astype(np.float64) - zero) * step for part, step in zip(stored, (scale, raw_scale), strict=True)]
    expected = by_hand(real[0], real[1][:, 0], 128, 0.5)
    np.testing.assert_allclose(found.boxes, [thing.box for thing in expected], atol=tolerance)


def test_anchors_that_are_not_numbers_are_left_out() -> None:
    values, raw = outputs_of(896, 6, np.random.default_rng(7))
    values[raw.argmax()] = np.nan
    specs = (TensorSpec("b", (1, 896, 16), "float32"), TensorSpec("s", (1, 896, 1), "float32"))
    found = open_layout(OutputView(specs, 128, 128)).read([values[np.newaxis], raw[np.newaxis, :, np.newaxis]], 0.0)
    assert np.isfinite(found.boxes).all()


@pytest.mark.parametrize(
    "shapes",
    [
        ((1, 896, 16), (1, 896, 2)),  # two classes
        ((1, 895, 16), (1, 895, 1)),  # no such grid
        ((1, 896, 4), (1, 896, 1)),  # no key points: SSD
        ((1, 896, 15), (1, 896, 1)),
        ((1, 512, 16), (1, 896, 1)),
    ],
)
def test_other_shapes_are_not_recognized(shapes: tuple[tuple[int, ...], ...]) -> None:
    specs = tuple(TensorSpec(f"out:{n}", shape, "float32") for n, shape in enumerate(shapes))
    assert [layout.name for layout in recognize(OutputView(specs, 128, 128)) if layout.name == "mediapipe"] == []


@pytest.mark.parametrize("name", REAL)
def test_real_files_agree_with_an_independent_reading(survey: Path, shared: Path, tmp_path: Path, name: str) -> None:
    wish = CardOptions(resize="letterbox")
    add_card.write(add_card.new_card(survey / name, wish), tmp_path / "m.tflite")
    assert inspect(tmp_path / "m.tflite")["card"]["detector"]["layout"] == "mediapipe"
    for photo in REAL[name]:
        frame = photo_of_whole_blocks(shared / "data" / "pictures" / photo)
        with open_model(tmp_path / "m.tflite", threads=1) as model:
            found = model.predict(frame, threshold=0.5).objects
            image = model.prepare(frame)
        parts = sorted(raw_outputs(survey / name, image), key=lambda part: -part.shape[1])
        values = np.concatenate([part[0] for part in parts if part.shape[2] > 1])
        raw = np.concatenate([part[0, :, 0] for part in parts if part.shape[2] == 1])
        side = image.shape[1]
        scale = side / max(frame.width, frame.height)
        used = [round(size * scale) for size in (frame.width, frame.height)]
        steps = [size / part for size, part in zip((frame.width, frame.height), used, strict=True)]
        expected = [
            (
                0,
                thing.score,
                tuple((value - (side - used[n % 2]) // 2) * steps[n % 2] for n, value in enumerate(thing.box)),
            )
            for thing in by_hand(values, raw, side, 0.5)
        ]
        same_objects(found, expected, frame.width, frame.height)
        assert {one.name for one in found} <= {"face", "palm", "person"}
        assert found or "palm" in name


def test_face_is_found_where_mediapipe_itself_finds_it(survey: Path, shared: Path) -> None:
    """Figures of MediaPipe's own solution for this photo: see the eyes and the nose at their places."""
    with open_model(survey / WHEEL / "face_detection_short_range.tflite", threads=1) as model:
        (face,) = model.predict(shared / "data" / "pictures" / "grace_hopper.bmp").objects
    assert face.name == "face"
    places = {point.name: (point.x, point.y) for point in face.keypoints}
    for name, place in (("right_eye", (230, 190)), ("left_eye", (307, 190)), ("nose", (270, 232))):
        assert math.dist(places[name], place) < 12
