"""Decoding of the boxes of a detector relative to its anchors, as TFLite_Detection_PostProcess does it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ... import backend
from ...keras_files.detector_cells import CellGrid

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float32]

MAX_LOG_SIZE = 4.0
"""Limit of the logarithm of a box's size in anchors, so that a diverging box stays finite while training."""


def decode(encoded: Any, grid: CellGrid) -> Any:
    """Return boxes (..., n, 4) as x0, y0, x1, y1 in pixels of the input, from encoded ones, as TensorFlow tensors."""
    tf = backend.tensorflow()
    anchor_x, anchor_y, side = (tf.constant(column) for column in grid.anchors_px().T)
    ty, tx, th, tw = (encoded[..., n] / scale for n, scale in enumerate(grid.scales))
    x, y = tx * side + anchor_x, ty * side + anchor_y
    half_w, half_h = (0.5 * side * tf.exp(tf.clip_by_value(size, -MAX_LOG_SIZE, MAX_LOG_SIZE)) for size in (tw, th))
    return tf.stack([x - half_w, y - half_h, x + half_w, y + half_h], axis=-1)


def encode(boxes: Floats, grid: CellGrid) -> Floats:
    """Return the encoded values ty, tx, th, tw (n, 4) of one box x0, y0, x1, y1 per cell, (n, 4) in pixels."""
    x, y, side = grid.anchors_px().T
    center_x, center_y = (boxes[:, 0] + boxes[:, 2]) / 2, (boxes[:, 1] + boxes[:, 3]) / 2
    width, height = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
    columns = [(center_y - y) / side, (center_x - x) / side, np.log(height / side), np.log(width / side)]
    return np.asarray(np.stack(columns, axis=1) * np.asarray(grid.scales), np.float32)
