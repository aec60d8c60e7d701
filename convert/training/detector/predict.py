"""Boxes that a Keras detector finds in images, selected as TFLite_Detection_PostProcess selects them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from edgevision.evaluation.detection.records import PredictedBoxes

from ... import backend
from ...keras_files.detector_cells import CellGrid
from ..input.batches import real_values
from .box_codec import decode
from .examples import BoxExamples

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float32]

Forward = Callable[[Any], tuple[Any, Any]]
"""Function from normalized images (b, side, side, 3) to boxes (b, cells, 4) in pixels and scores (b, cells, classes)."""
BATCH = 16
MIN_SCORE = 0.01
"""Score below which a box is not considered."""
MAX_OVERLAP = 0.5
"""IoU from which the lower of two boxes is dropped, whatever its class."""
MAX_BOXES = 100


def forward(call: Callable[[Any], Any], shape: tuple[int, ...], grid: CellGrid) -> Forward:
    """Return a network as a compiled function with its boxes decoded.

    ``call``: the network, from normalized images (b, *shape) to encoded boxes and scores.
    """
    tf = backend.tensorflow()

    def run(images: Any) -> tuple[Any, Any]:
        encoded, scores = call(images)
        return decode(encoded, grid), scores

    spec = tf.TensorSpec((None, *shape), tf.float32)
    compiled: Forward = tf.function(run, autograph=False, input_signature=[spec])
    return compiled


def predict(run: Forward, examples: BoxExamples) -> Iterator[PredictedBoxes]:
    """Yield the boxes of each image in pixels of the input; the images must have the size of the input."""
    tf = backend.tensorflow()
    for start in range(0, len(examples), BATCH):
        index = np.arange(start, min(start + BATCH, len(examples)))
        images = real_values(examples.pixels.rows(index), examples.preprocessing)
        boxes, scores = run(tf.constant(images))
        for one, score in zip(boxes.numpy(), scores.numpy(), strict=True):
            yield select(one, score)


def select(boxes: Floats, scores: Floats) -> PredictedBoxes:
    """Return the best boxes of one image without overlapping ones.

    ``boxes``: (cells, 4) as x0, y0, x1, y1; ``scores``: (cells, classes).
    """
    classes, best = scores.argmax(axis=1), scores.max(axis=1)
    likely = np.flatnonzero(best >= MIN_SCORE)
    corners = boxes[likely]
    rectangles = np.concatenate([corners[:, :2], corners[:, 2:] - corners[:, :2]], axis=1)
    chosen = cv2.dnn.NMSBoxes(rectangles.tolist(), best[likely].tolist(), MIN_SCORE, MAX_OVERLAP)
    kept = likely[np.asarray(chosen, np.intp).ravel()[:MAX_BOXES]]
    return PredictedBoxes(boxes[kept], best[kept], classes[kept])
