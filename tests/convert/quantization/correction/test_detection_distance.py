"""Boxes as the distance of a detector's repair decodes them."""

from __future__ import annotations

import numpy as np
import pytest
from edgevision.convert.keras_files.detector_cells import CellGrid
from edgevision.convert.quantization.correction.detection_distance import decoded
from edgevision.convert.training.detector.box_codec import encode


@pytest.mark.parametrize("anchor_side", [2.0, 4.0])
def test_decoding_inverts_what_the_training_encodes(anchor_side: float) -> None:
    grid = CellGrid(64, anchor_side=anchor_side)
    random = np.random.default_rng(3)
    start = random.uniform(-20, 60, (grid.count, 2))
    boxes = np.concatenate([start, start + random.uniform(2, 90, (grid.count, 2))], axis=1).astype(np.float32)
    assert decoded(encode(boxes, grid), grid) == pytest.approx(boxes, abs=1e-3)


def test_anchor_is_the_box_of_zeros() -> None:
    grid = CellGrid(64)
    x, y, side = grid.anchors_px().T
    expected = np.stack([x - side / 2, y - side / 2, x + side / 2, y + side / 2], axis=1)
    assert decoded(np.zeros((grid.count, 4), np.float32), grid) == pytest.approx(expected)
