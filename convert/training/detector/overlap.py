"""Overlap of boxes (x0, y0, x1, y1) as TensorFlow tensors: IoU and generalized IoU."""

from __future__ import annotations

from typing import Any

from ... import backend

EPSILON = 1e-7


def iou(a: Any, b: Any) -> Any:
    """Return the intersection over union of boxes (..., 4) that broadcast against each other, 0..1."""
    common, union = _areas(a, b)
    return common / (union + EPSILON)


def generalized_iou(a: Any, b: Any) -> Any:
    """Return the generalized IoU, -1..1, which also has a gradient for boxes that do not touch.

    H. Rezatofighi et al., 2019, Generalized Intersection over Union (arXiv:1902.09630).
    """
    tf = backend.tensorflow()
    common, union = _areas(a, b)
    width = tf.maximum(a[..., 2], b[..., 2]) - tf.minimum(a[..., 0], b[..., 0])
    height = tf.maximum(a[..., 3], b[..., 3]) - tf.minimum(a[..., 1], b[..., 1])
    hull = width * height
    return common / (union + EPSILON) - (hull - union) / (hull + EPSILON)


def _areas(a: Any, b: Any) -> tuple[Any, Any]:
    """Return the areas of intersection and union."""
    tf = backend.tensorflow()
    width = tf.maximum(tf.minimum(a[..., 2], b[..., 2]) - tf.maximum(a[..., 0], b[..., 0]), 0.0)
    height = tf.maximum(tf.minimum(a[..., 3], b[..., 3]) - tf.maximum(a[..., 1], b[..., 1]), 0.0)
    common = width * height
    return common, _area(a) + _area(b) - common


def _area(box: Any) -> Any:
    return (box[..., 2] - box[..., 0]) * (box[..., 3] - box[..., 1])
