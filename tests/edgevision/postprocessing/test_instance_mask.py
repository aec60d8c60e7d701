"""Masks of objects from shared prototypes, against a sum for each pixel."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgevision.output_layouts.layout import CandidateMasks
from edgevision.postprocessing.instance_mask import instance_mask
from edgevision.types import TensorSpec

ROWS, COLUMNS, PROTOTYPES = 6, 8, 3
WIDTH, HEIGHT = 32, 24


def by_hand(masks: CandidateMasks, box: np.ndarray) -> np.ndarray:
    found = np.zeros((ROWS, COLUMNS), np.uint8)
    scale = masks.spec.scale or 1.0
    for row in range(ROWS):
        for column in range(COLUMNS):
            x, y = (column + 0.5) * WIDTH / COLUMNS, (row + 0.5) * HEIGHT / ROWS
            if box[0] <= x < box[2] and box[1] <= y < box[3]:
                values = (masks.prototypes[row, column].astype(np.float64) - masks.spec.zero_point) * scale
                found[row, column] = values @ masks.coefficients[0] > 0
    return found


@pytest.mark.parametrize(("dtype", "scale", "zero_point"), [("float32", 0.0, 0), ("int8", 0.05, 7)])
@given(st.integers(0, 2**32))
def test_pixels_belong_to_the_object_where_the_weighted_sum_is_positive(
    dtype: str, scale: float, zero_point: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    prototypes = rng.integers(-100, 100, (ROWS, COLUMNS, PROTOTYPES)).astype(dtype)
    spec = TensorSpec("protos", (1, ROWS, COLUMNS, PROTOTYPES), dtype, scale, zero_point)
    masks = CandidateMasks(rng.normal(0, 1, (1, PROTOTYPES)).astype(np.float32), prototypes, spec)
    corner = rng.uniform(-5, 20, 2)
    box = np.hstack([corner, corner + rng.uniform(8, 40, 2)]).astype(np.float32)
    assert instance_mask(masks, 0, box, WIDTH, HEIGHT).tolist() == by_hand(masks, box).tolist()


@pytest.mark.parametrize("box", [(500, 500, 501, 501), (-9, -9, -8, -8), (5, 5, 5.1, 5.1), (-1e30, -1e30, 1e30, 1e30)])
def test_box_of_any_size_and_place_has_a_mask(box: tuple[float, ...]) -> None:
    spec = TensorSpec("protos", (1, ROWS, COLUMNS, 1), "float32")
    masks = CandidateMasks(np.ones((1, 1), np.float32), np.ones((ROWS, COLUMNS, 1), np.float32), spec)
    found = instance_mask(masks, 0, np.array(box, np.float32), WIDTH, HEIGHT)
    assert found.any()
    assert found.all() == (box[0] < -1e9)
