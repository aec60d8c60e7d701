"""Loss of a detector: quality focal loss of the scores and generalized IoU of the boxes."""

from __future__ import annotations

from typing import Any

from ... import backend
from ...keras_files.detector_cells import CellGrid
from .assignment import Targets, assign
from .box_codec import decode
from .overlap import generalized_iou

FOCUS = 2.0
"""Exponent of the quality focal loss, as in the paper."""
BOX_WEIGHT = 2.0


def detection_loss(logits: Any, encoded: Any, true_boxes: Any, true_classes: Any, grid: CellGrid) -> Any:
    """Return the loss of a batch, a scalar.

    ``logits``: (batch, cells, classes); ``encoded``: (batch, cells, 4), see ``cells.decode``; the truth as in ``assign``.
    """
    tf = backend.tensorflow()
    boxes = decode(encoded, grid)
    found = assign(tf.stop_gradient(tf.sigmoid(logits)), tf.stop_gradient(boxes), true_boxes, true_classes, grid)
    parts = (found.scores, found.boxes, found.weights, found.counted)
    targets = Targets(*(tf.stop_gradient(part) for part in parts))
    total = tf.maximum(tf.reduce_sum(targets.weights), 1.0)
    counted = tf.cast(targets.counted, tf.float32)[..., tf.newaxis]
    score_loss = tf.reduce_sum(quality_focal(logits, targets.scores) * counted)
    box_loss = tf.reduce_sum((1.0 - generalized_iou(boxes, targets.boxes)) * targets.weights)
    return (score_loss + BOX_WEIGHT * box_loss) / total


def quality_focal(logits: Any, targets: Any) -> Any:
    """Return the quality focal loss of each score: cross-entropy that matters less the closer the score is.

    X. Li et al., 2020, Generalized Focal Loss (arXiv:2006.04388), equation 2.
    """
    tf = backend.tensorflow()
    entropy = tf.nn.sigmoid_cross_entropy_with_logits(targets, logits)
    return entropy * tf.abs(targets - tf.sigmoid(logits)) ** FOCUS
