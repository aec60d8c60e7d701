"""What a detector learns from: encoded boxes, assignment of cells to objects, loss."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytestmark = pytest.mark.tensorflow
SIDE = 128


@pytest.fixture(scope="module")
def grid() -> Any:
    from edgevision.convert.keras_files.detector_cells import CellGrid

    return CellGrid(SIDE)


def in_one_batch(*arrays: np.ndarray) -> list[Any]:
    """Return the arrays as tensors of a batch of one image."""
    from edgevision.convert import backend

    return [backend.tensorflow().constant(array[np.newaxis]) for array in arrays]


def assigned(grid: Any, boxes: np.ndarray, classes: list[int], scores: np.ndarray | None = None) -> list[np.ndarray]:
    """Return scores, boxes, weights and counted of one image if every cell predicts its anchor."""
    from edgevision.convert.training.detector.assignment import assign
    from edgevision.convert.training.detector.box_codec import decode

    predicted = decode(in_one_batch(np.zeros((grid.count, 4), np.float32))[0], grid)
    given = np.full((grid.count, 2), 0.01, np.float32) if scores is None else scores
    batch = in_one_batch(given, boxes.astype(np.float32), np.asarray(classes, np.int32))
    found = assign(batch[0], predicted, batch[1], batch[2], grid)
    return [part.numpy()[0] for part in (found.scores, found.boxes, found.weights, found.counted)]


def test_anchors_are_in_the_order_of_the_levels(grid: Any) -> None:
    assert grid.count == 16 * 16 + 8 * 8 + 4 * 4
    anchors = grid.anchors() * SIDE
    assert anchors[0].tolist() == [4.0, 4.0, 24.0, 24.0]
    assert anchors[1].tolist() == [4.0, 12.0, 24.0, 24.0]  # y, x: the row is read first
    assert anchors[-1].tolist() == [112.0, 112.0, 96.0, 96.0]


@given(st.integers(0, 2**32 - 1))
def test_decoding_inverts_encoding(seed: int) -> None:
    from edgevision.convert.keras_files.detector_cells import CellGrid
    from edgevision.convert.training.detector.box_codec import decode, encode

    grid, random = CellGrid(SIDE), np.random.default_rng(seed)
    corner, size = random.uniform(-20, SIDE, (grid.count, 2)), random.uniform(2, 2 * SIDE, (grid.count, 2))
    boxes = np.concatenate([corner, corner + size], axis=1).astype(np.float32)
    (encoded,) = in_one_batch(encode(boxes, grid))
    assert np.allclose(decode(encoded, grid).numpy()[0], boxes, atol=1e-2)


def test_object_is_learned_by_cells_inside_it_of_the_fitting_level(grid: Any) -> None:
    box = np.asarray([[41.0, 43.0, 89.0, 91.0]])  # as large as the anchors of stride 16
    scores, boxes, weights, _ = assigned(grid, box, [1])
    learning = np.flatnonzero(weights > 0.05)
    assert 1 <= len(learning) <= 10
    centers = grid.centers()[learning]
    assert ((centers > [41, 43]) & (centers < [89, 91])).all()
    best = int(weights.argmax())
    assert grid.cell_sides()[best] == 16
    assert weights[best] == 1.0
    assert (boxes[learning] == box).all()
    assert (scores[:, 0] == 0).all()
    assert scores[best, 1] == pytest.approx(scores.max())
    assert 0.5 <= scores[best, 1] <= 1.0


@pytest.mark.parametrize("corner", [3.0, 7.5, 60.0])
def test_smallest_object_is_learned(grid: Any, corner: float) -> None:
    _, _, weights, _ = assigned(grid, np.asarray([[corner, corner, corner + 2.0, corner + 2.0]]), [0])
    assert weights.max() == 1.0


def test_cell_learns_the_object_that_its_box_overlaps_most(grid: Any) -> None:
    near = np.asarray([[40.0, 40.0, 88.0, 88.0], [44.0, 44.0, 84.0, 84.0]])
    scores, _, _, _ = assigned(grid, near, [0, 1])
    assert scores.max(axis=0).min() > 0  # both are learned
    assert (np.count_nonzero(scores, axis=1) <= 1).all()


def test_image_without_objects_is_background(grid: Any) -> None:
    scores, _, weights, counted = assigned(grid, np.zeros((1, 4)), [-1])
    assert not scores.any()
    assert not weights.any()
    assert counted.all()


def test_object_that_counts_neither_way_is_no_background(grid: Any) -> None:
    boxes = np.asarray([[16.0, 16.0, 48.0, 48.0], [80.0, 80.0, 112.0, 112.0]])
    _, _, weights, counted = assigned(grid, boxes, [0, -2])
    centers = grid.centers()
    assert (weights[~counted] == 0).all()
    assert ((centers[~counted] >= 80) & (centers[~counted] <= 112)).all()
    assert counted[(centers < 48).all(axis=1)].all()


def test_generalized_iou_of_known_boxes() -> None:
    from edgevision.convert.training.detector.overlap import generalized_iou, iou

    first = np.asarray([[0, 0, 10, 10], [0, 0, 10, 10], [0, 0, 10, 10]], np.float32)
    second = np.asarray([[0, 0, 10, 10], [5, 0, 15, 10], [20, 0, 30, 10]], np.float32)
    assert np.allclose(iou(first, second).numpy(), [1.0, 1 / 3, 0.0], atol=1e-5)
    assert np.allclose(generalized_iou(first, second).numpy(), [1.0, 1 / 3, -1 / 3], atol=1e-5)


def test_loss_falls_with_better_boxes_and_scores(grid: Any) -> None:
    from edgevision.convert.training.detector.box_codec import encode
    from edgevision.convert.training.detector.losses import detection_loss

    truth = np.asarray([[40.0, 40.0, 88.0, 88.0]], np.float32)
    exact = encode(np.repeat(truth, grid.count, axis=0), grid)
    inside = np.abs(grid.centers() - 64).max(axis=1) < 10
    confident = np.where(inside, 4.0, -6.0)[:, np.newaxis].astype(np.float32)

    def loss(encoded: np.ndarray, logits: np.ndarray) -> float:
        batch = in_one_batch(logits, encoded, truth, np.zeros(1, np.int32))
        return float(detection_loss(*batch, grid))

    blank, unsure = np.zeros_like(exact), np.full_like(confident, -4.6)
    assert loss(exact, confident) < loss(exact, unsure)
    assert loss(exact, confident) < loss(blank, confident)
    assert loss(exact, confident) < 0.3
