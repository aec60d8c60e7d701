"""Task-aligned assignment: which cells learn which object, chosen by how well they detect it already.

C. Feng et al., 2021, TOOD: Task-aligned One-stage Object Detection (arXiv:2108.07755), section 3.2.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ... import backend
from ...keras_files.detector_cells import CellGrid
from .examples import IGNORED
from .overlap import iou

SCORE_POWER, IOU_POWER = 1.0, 6.0
"""Exponents alpha and beta of the alignment metric score^alpha * IoU^beta, as in the paper."""
CELLS_PER_OBJECT = 10
"""Largest number of cells that learn one object."""
MIN_QUALITY = 0.5
"""Least target of the best cell of an object. With its IoU alone, small objects, whose first boxes fit badly, would hardly be
learned in a short training."""
TINY = 1e-20
"""Metric of a cell that misses its object altogether; a real one is far larger, even at an IoU of 0.01."""


@dataclass(frozen=True, slots=True, eq=False)
class Targets:
    """What each cell has to learn; TensorFlow tensors."""

    scores: Any
    """Target scores, (batch, cells, classes), 0..1: the quality of the cell's box; 0 is background."""
    boxes: Any
    """Target boxes, (batch, cells, 4) in pixels; meaningless where the weight is 0."""
    weights: Any
    """Weights of the boxes, (batch, cells), 0..1: 1 for the best cell of an object, the others relative to it."""
    counted: Any
    """Whether the scores of a cell count, (batch, cells): not where an object is that counts neither way."""


def assign(scores: Any, boxes: Any, true_boxes: Any, true_classes: Any, grid: CellGrid) -> Targets:
    """Return the targets of a batch.

    ``scores``: (batch, cells, classes), 0..1, and ``boxes``: (batch, cells, 4) in pixels, as predicted.
    ``true_boxes``: (batch, objects, 4) in pixels; ``true_classes``: (batch, objects), -1 for padding, -2 for
    objects that count neither way.
    """
    tf = backend.tensorflow()
    real = true_classes >= 0
    classes = tf.maximum(true_classes, 0)
    overlaps = iou(true_boxes[:, :, tf.newaxis], boxes[:, tf.newaxis])
    likelihood = tf.gather(tf.transpose(scores, (0, 2, 1)), classes, batch_dims=1)
    metric = likelihood**SCORE_POWER * overlaps**IOU_POWER + TINY
    near = _near(true_boxes, grid)
    allowed = near & real[..., tf.newaxis]
    metric = tf.where(allowed, metric, 0.0)
    chosen = _best_cells(metric) & allowed
    chosen = _one_object_each(chosen, overlaps)
    metric, overlaps = tf.where(chosen, metric, 0.0), tf.where(chosen, overlaps, 0.0)
    # The best cell of an object has its IoU as the target, the others proportionally less.
    rank = metric / tf.maximum(tf.reduce_max(metric, axis=-1, keepdims=True), TINY)
    quality = rank * tf.maximum(tf.reduce_max(overlaps, axis=-1, keepdims=True), MIN_QUALITY)
    owner = tf.argmax(tf.cast(chosen, tf.int32), axis=1, output_type=tf.int32)
    one_hot = tf.one_hot(tf.gather(classes, owner, batch_dims=1), tf.shape(scores)[-1])
    weights, target = tf.reduce_max(rank, axis=1), tf.reduce_max(quality, axis=1)
    counted = (weights > 0.0) | ~tf.reduce_any(near & (true_classes == IGNORED)[..., tf.newaxis], axis=1)
    nearest = tf.gather(true_boxes, owner, batch_dims=1)
    return Targets(one_hot * target[..., tf.newaxis], nearest, weights, counted)


def _near(true_boxes: Any, grid: CellGrid) -> Any:
    """Return which cells may learn which objects, (batch, objects, cells): those with their center in the box.

    A box smaller than a cell counts as large as one, so that every object has cells that may learn it.
    """
    tf = backend.tensorflow()
    x, y = (tf.constant(column) for column in grid.centers().T)
    half = tf.constant(grid.cell_sides()) / 2.0
    box = true_boxes[:, :, tf.newaxis]
    half_w = tf.maximum((box[..., 2] - box[..., 0]) / 2.0, half)
    half_h = tf.maximum((box[..., 3] - box[..., 1]) / 2.0, half)
    inside_x = tf.abs(x - (box[..., 0] + box[..., 2]) / 2.0) <= half_w
    inside_y = tf.abs(y - (box[..., 1] + box[..., 3]) / 2.0) <= half_h
    return inside_x & inside_y


def _best_cells(metric: Any) -> Any:
    """Return which cells are among the CELLS_PER_OBJECT with the highest metric of each object."""
    tf = backend.tensorflow()
    best, _ = tf.math.top_k(metric, min(CELLS_PER_OBJECT, int(metric.shape[-1])))
    return metric >= best[..., -1:]


def _one_object_each(chosen: Any, overlaps: Any) -> Any:
    """Leave each cell only the object that its box overlaps most."""
    tf = backend.tensorflow()
    best = tf.argmax(tf.where(chosen, overlaps, -1.0), axis=1, output_type=tf.int32)
    mine = tf.one_hot(best, tf.shape(chosen)[1], on_value=True, off_value=False, axis=1)
    return chosen & mine
