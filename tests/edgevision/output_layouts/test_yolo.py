"""YOLO layouts against a reading of the same numbers, box by box."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pytest

from edgevision.errors import BadModel
from edgevision.output_layouts.layout import Layout, OutputView
from edgevision.output_layouts.registry import open_layout, recognize
from edgevision.tflite.outputs import OutputFacts
from edgevision.types import TensorSpec

SIDE = 64
CELLS = 8 * 8 + 4 * 4 + 2 * 2


class Read(NamedTuple):
    """One box, as plain numbers."""

    box: tuple[float, ...]
    score: float
    index: int


def view(*specs: TensorSpec, labels: int = 0) -> OutputView:
    return OutputView(specs, SIDE, SIDE, labels)


def spec(shape: tuple[int, ...], dtype: str = "float32", scale: float = 0.0, zero_point: int = 0) -> TensorSpec:
    return TensorSpec("out", shape, dtype, scale, zero_point)


def boxes_of(rng: np.random.Generator, count: int, side: float) -> np.ndarray:
    """Return centers and sizes that cover an input of this side."""
    centers = rng.uniform(0.05, 0.95, (count, 2))
    return np.hstack([centers, rng.uniform(0.02, 0.4, (count, 2))]) * side


def by_hand(rows: np.ndarray, objectness: bool, limit: float, unit: float) -> list[Read]:
    """Read rows of center, size, (objectness,) scores."""
    found = []
    for x, y, w, h, *rest in rows.tolist():
        scores = [rest[0] * score for score in rest[1:]] if objectness else rest
        best = max(range(len(scores)), key=lambda n: scores[n])
        if scores[best] >= limit:
            corners = ((x - w / 2) * unit, (y - h / 2) * unit, (x + w / 2) * unit, (y + h / 2) * unit)
            found.append(Read(corners, scores[best], best))
    return found


def same(layout: Layout, outputs: Sequence[Any], expected: list[Read], limit: float) -> None:
    found = layout.read(outputs, limit)
    assert len(expected) > 5
    assert found.classes.tolist() == [read.index for read in expected]
    np.testing.assert_allclose(found.scores, [read.score for read in expected], atol=1e-5)
    np.testing.assert_allclose(found.boxes, [read.box for read in expected], rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("pixels", [False, True])
@pytest.mark.parametrize("channels_first", [False, True])
@pytest.mark.parametrize("objectness", [False, True])
@pytest.mark.parametrize("classes", [1, 3])
def test_float_output_is_read_as_by_hand(objectness: bool, channels_first: bool, pixels: bool, classes: int) -> None:
    rng = np.random.default_rng(classes)
    count = CELLS * (3 if objectness else 1)
    numbers = [boxes_of(rng, count, SIDE if pixels else 1.0), rng.uniform(0, 1, (count, objectness + classes))]
    rows = np.hstack(numbers).astype(np.float32)
    output = rows.T[np.newaxis] if channels_first else rows[np.newaxis]
    # Boxes first, 3 classes could be 2 of YOLOX: the labels decide.
    layout = open_layout(view(spec(output.shape), labels=classes))
    assert (layout.name, layout.classes) == ("yolo-objectness" if objectness else "yolo", classes)
    expected = by_hand(rows, objectness, 0.6, 1.0 if pixels else SIDE)
    same(layout, [output], expected, 0.6)
    same(layout, [output], expected, 0.6)  # a second frame


@pytest.mark.parametrize(("dtype", "zero_point"), [("int8", -128), ("uint8", 0), ("int16", 0)])
@pytest.mark.parametrize("objectness", [False, True])
def test_quantized_output_is_read_as_its_real_values(objectness: bool, dtype: str, zero_point: int) -> None:
    rng = np.random.default_rng(5)
    count = CELLS * (3 if objectness else 1)
    rows = np.hstack([boxes_of(rng, count, 1.0), rng.uniform(0, 1, (count, objectness + 2))])
    limits = np.iinfo(dtype)
    scale = 1.2 / (limits.max - zero_point)
    stored = np.clip(np.round(rows / scale + zero_point), limits.min, limits.max).astype(dtype)
    real = (stored.astype(np.float64) - zero_point) * scale
    layout = open_layout(view(spec((1, 6 + objectness, count), dtype, scale, zero_point)))
    same(layout, [stored.T[np.newaxis]], by_hand(real, objectness, 0.5, SIDE), 0.5)


def test_limit_that_is_a_stored_value_keeps_it() -> None:
    stored = np.zeros((1, 5, CELLS), np.uint8)
    stored[0, :, 3] = 128, 128, 26, 26, 153
    layout = open_layout(view(spec((1, 5, CELLS), "uint8", 1 / 255)))
    assert layout.read([stored], 153 / 255).scores.size == 1
    assert layout.read([stored], 153.5 / 255).scores.size == 0


def test_rows_of_six_that_fit_no_grid_are_end_to_end() -> None:
    rows = np.zeros((1, 300, 6), np.float32)
    rows[0, 0] = 6, 7, 30, 40, 0.9, 2
    rows[0, 1] = 1, 1, 9, 9, 0.3, 1
    rows[0, 2] = np.nan
    layout = open_layout(view(spec((1, 300, 6))))
    assert (layout.name, layout.overlapping) == ("end-to-end", False)
    found = layout.read([rows], 0.5)
    assert found.boxes.tolist() == [[6, 7, 30, 40]]
    assert (found.classes.tolist(), found.scores.tolist()) == ([2], [np.float32(0.9)])


def test_end_to_end_boxes_from_0_to_1_are_scaled() -> None:
    rows = np.zeros((1, 300, 6), np.float32)
    layout = open_layout(view(spec((1, 300, 6))))
    assert layout.read([rows], 0.5).boxes.size == 0  # an empty list says nothing about the unit
    rows[0, 0] = 0.25, 0.5, 0.75, 1.0, 0.9, 0
    assert layout.read([rows], 0.5).boxes.tolist() == [[16, 32, 48, 64]]


@pytest.mark.parametrize(
    ("shape", "names"),
    [
        ((1, 84, CELLS), ["yolo"]),
        ((1, CELLS, 24), ["yolo", "yolox"]),
        ((1, 85, 3 * CELLS), ["yolo-objectness"]),
        ((1, 6, CELLS), ["yolo"]),
        ((1, 1, CELLS, 6), ["yolo", "yolox"]),
        ((1, 8, CELLS), ["yolo", "yolo-pose"]),
        ((1, 56, CELLS), ["yolo", "yolo-pose"]),
        ((1, 300, 6), ["end-to-end"]),
        ((1, 100, 10), []),
        ((1, 10), []),
        ((1, 64, 64, 2), []),
    ],
)
def test_layout_is_recognized_from_the_shape(shape: tuple[int, ...], names: list[str]) -> None:
    assert [layout.name for layout in recognize(view(spec(shape)))] == names


def test_rows_of_six_that_fit_one_grid_are_decided_by_the_labels() -> None:
    output = spec((1, 300, 6))
    names = {labels: [one.name for one in recognize(OutputView((output,), 320, 320, labels))] for labels in (0, 1, 80)}
    assert names[80] == ["end-to-end"]
    assert names[0] == ["end-to-end", "yolo-objectness"]
    assert "yolo-objectness" in names[1]
    described = OutputFacts(
        files={"metadata.json": b'{"author": "Ultralytics", "task": "detect", "names": {"0": "plate"}}'}
    )
    assert [one.name for one in recognize(OutputView((output,), 320, 320, 1, described))] == ["end-to-end"]


def test_layout_that_the_shape_does_not_show_can_be_set() -> None:
    unknown = view(spec((1, 100, 10)))
    with pytest.raises(BadModel, match=r"\(out \[1, 100, 10\]\).*--layout: yolo, yolo-obb, yolo-obj"):
        open_layout(unknown)
    assert open_layout(unknown, "yolo").classes == 6
    assert open_layout(unknown, "yolo-objectness").classes == 5
    with pytest.raises(BadModel, match="do not have the layout 'end-to-end': one output"):
        open_layout(unknown, "end-to-end")
    with pytest.raises(BadModel, match="unknown output layout 'ssd9'"):
        open_layout(unknown, "ssd9")


def test_quantization_that_ruins_the_scores_is_refused() -> None:
    with pytest.raises(BadModel, match=r"ruins the scores.*multiple of 2\.5;.*float"):
        open_layout(view(spec((1, 84, CELLS), "int8", 2.5, -128)))
