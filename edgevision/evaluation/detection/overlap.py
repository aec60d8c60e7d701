"""Intersection over union of boxes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    Doubles = npt.NDArray[np.float64]


def iou(first: npt.NDArray[np.floating], second: npt.NDArray[np.floating]) -> Doubles:
    """Return the intersection over union of boxes (n, 4) and (m, 4), corners x0, y0, x1, y1: 0..1, shape (n, m)."""
    inside = intersection(first, second)
    union = area(first)[:, None] + area(second)[None] - inside
    return _share(inside, union)


def coverage(first: npt.NDArray[np.floating], second: npt.NDArray[np.floating]) -> Doubles:
    """Return the share of each of the ``first`` boxes that lies in each of the ``second``: 0..1, shape (n, m)."""
    return _share(intersection(first, second), area(first)[:, None])


def intersection(first: npt.NDArray[np.floating], second: npt.NDArray[np.floating]) -> Doubles:
    """Return the common area of boxes (n, 4) and (m, 4) in square pixels, shape (n, m)."""
    a, b = first.astype(np.float64)[:, None], second.astype(np.float64)[None]
    sides = np.minimum(a[..., 2:], b[..., 2:]) - np.maximum(a[..., :2], b[..., :2])
    found: Doubles = np.where((sides > 0).all(axis=-1), sides[..., 0] * sides[..., 1], 0.0)
    return found


def area(boxes: npt.NDArray[np.floating]) -> Doubles:
    """Return the area of boxes (n, 4) in square pixels, shape (n,)."""
    sides = np.maximum(boxes[:, 2:].astype(np.float64) - boxes[:, :2].astype(np.float64), 0.0)
    found: Doubles = sides[:, 0] * sides[:, 1]
    return found


def _share(part: Doubles, whole: Doubles) -> Doubles:
    found: Doubles = np.divide(part, whole, out=np.zeros_like(part), where=part > 0)
    return found
