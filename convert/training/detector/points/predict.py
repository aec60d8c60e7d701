"""Points that a Keras network finds in images, read from its cells as the device does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from edgevision.evaluation.detection.records import PredictedBoxes
from edgevision.postprocessing.cell_groups import group_cells
from edgevision.postprocessing.points import MERGE_LEVEL

from .... import backend
from ...input.batches import real_values
from ..examples import BoxExamples

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float32]

Forward = Callable[[Any], Any]
"""Function from normalized images (b, side, side, 3) to scores (b, rows, columns, 1 + classes)."""
BATCH = 16
MIN_SCORE = 0.01
"""Score below which a point is not considered."""


def forward(call: Callable[[Any], Any], shape: tuple[int, ...]) -> Forward:
    """Return a network as a compiled function of normalized images (b, *shape)."""
    tf = backend.tensorflow()
    spec = tf.TensorSpec((None, *shape), tf.float32)
    compiled: Forward = tf.function(call, autograph=False, input_signature=[spec])
    return compiled


def predict(run: Forward, examples: BoxExamples) -> Iterator[PredictedBoxes]:
    """Yield the points of each image in pixels of the input, as boxes of one cell around them."""
    tf = backend.tensorflow()
    side = examples.preprocessing.width
    for start in range(0, len(examples), BATCH):
        index = np.arange(start, min(start + BATCH, len(examples)))
        images = real_values(examples.pixels.rows(index), examples.preprocessing)
        for scores in run(tf.constant(images)).numpy():
            yield point_boxes(scores, side / scores.shape[0])


def point_boxes(scores: Floats, cell: float) -> PredictedBoxes:
    """Return the points of one image as boxes of one cell around them.

    ``scores``: (rows, columns, 1 + classes), the background first; ``cell``: side of a cell in pixels.
    """
    planes = np.ascontiguousarray(scores[..., 1:].transpose(2, 0, 1))
    found = group_cells(planes, MERGE_LEVEL, MIN_SCORE)
    places = np.asarray([(group.x, group.y) for group in found], np.float32).reshape(-1, 2)
    boxes = np.concatenate([places - 0.5, places + 0.5], axis=1) * np.float32(cell)
    numbers = (
        np.asarray([group.score for group in found], np.float32),
        np.asarray([group.channel for group in found], np.int64),
    )
    return PredictedBoxes(boxes, *numbers)
