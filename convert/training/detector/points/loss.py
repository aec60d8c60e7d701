"""Loss of points: focal loss of the class of each cell, which forgives cells near the center of an object.

X. Zhou, D. Wang, P. Krähenbühl, 2019, Objects as Points (arXiv:1904.07850), equation 1, with a softmax in place of the
sigmoids: the cell of an object's center learns its class, all others the background. The weight of the background falls
towards a center, since a cell that covers half of an object is not wrong to find it.
"""

from __future__ import annotations

from typing import Any

from .... import backend
from ..examples import IGNORED

FOCUS = 2.0
"""Exponent of the focal loss, alpha in the paper."""
FORGIVENESS = 4.0
"""Exponent of the distance from a center, beta in the paper."""
SPREAD = 0.25
"""Standard deviation of the weight around a center, in sides of the object."""
MIN_SPREAD = 0.5
"""The least standard deviation, in cells: the center of a small object is seldom that of its cell."""
TINY = 1e-12


def points_loss(logits: Any, true_boxes: Any, true_classes: Any, cell: int) -> Any:
    """Return the loss of a batch, a scalar.

    ``logits``: (batch, rows, columns, 1 + classes), the background first; ``true_boxes``: (batch, objects, 4) in pixels;
    ``true_classes``: (batch, objects), -1 for padding, -2 for objects that count neither way; ``cell``: side in pixels.
    """
    tf = backend.tensorflow()
    rows, columns, outputs = (int(size) for size in logits.shape[1:])
    logits = tf.reshape(logits, (-1, rows * columns, outputs))
    log_scores = tf.nn.log_softmax(logits)
    owner = _centers(true_boxes, true_classes, rows, columns, cell)
    is_center = tf.reduce_any(owner, axis=1)
    nearest = tf.argmax(tf.cast(owner, tf.int32), axis=1, output_type=tf.int32)
    classes = tf.gather(tf.maximum(true_classes, 0), nearest, batch_dims=1) + 1
    target = tf.where(is_center, classes, 0)
    log_score = tf.gather(log_scores, target, batch_dims=2)
    weight = tf.where(is_center, 1.0, _background_weight(true_boxes, true_classes, rows, columns, cell))
    each = -log_score * (1.0 - tf.exp(log_score)) ** FOCUS * weight
    return tf.reduce_sum(each) / tf.maximum(tf.reduce_sum(tf.cast(is_center, tf.float32)), 1.0)


def _centers(boxes: Any, classes: Any, rows: int, columns: int, cell: int) -> Any:
    """Return which cell has the center of which object, (batch, objects, cells)."""
    tf = backend.tensorflow()
    column, row = (
        tf.clip_by_value(tf.cast((boxes[..., n] + boxes[..., n + 2]) / 2 // cell, tf.int32), 0, size - 1)
        for n, size in ((0, columns), (1, rows))
    )
    at = tf.one_hot(row * columns + column, rows * columns, on_value=True, off_value=False)
    return at & (classes >= 0)[..., tf.newaxis]


def _background_weight(boxes: Any, classes: Any, rows: int, columns: int, cell: int) -> Any:
    """Return how much each cell counts as background, 0..1, (batch, cells): little near objects, not at all in ignored ones."""
    tf = backend.tensorflow()
    y, x = tf.meshgrid(*((tf.range(size, dtype=tf.float32) + 0.5) * cell for size in (rows, columns)), indexing="ij")
    places = tf.stack([tf.reshape(x, (-1,)), tf.reshape(y, (-1,))], axis=-1)
    low, high = boxes[:, :, tf.newaxis, :2], boxes[:, :, tf.newaxis, 2:]
    spread = tf.maximum(SPREAD * (high - low), MIN_SPREAD * cell)
    apart = tf.reduce_sum(((places - (low + high) / 2) / spread) ** 2, axis=-1)
    near = tf.where((classes >= 0)[..., tf.newaxis], tf.exp(-apart / 2), 0.0)
    inside = tf.reduce_all((places >= low) & (places <= high), axis=-1) & (classes == IGNORED)[..., tf.newaxis]
    weight = tf.reduce_prod((1.0 - near + TINY) ** FORGIVENESS, axis=1)
    return tf.where(tf.reduce_any(inside, axis=1), 0.0, weight)
