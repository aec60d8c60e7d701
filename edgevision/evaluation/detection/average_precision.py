"""Average precision of one class, as COCO computes it: the mean precision at 101 points of recall."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    Doubles = npt.NDArray[np.float64]
    Flags = npt.NDArray[np.bool_]

RECALL_POINTS: Doubles = np.linspace(0.0, 1.0, 101)
"""Recalls at which the precision is sampled, shape (101,)."""


def sampled_precision(correct: Flags, counted: Flags, objects: int) -> Doubles:
    """Return the precision at each of ``RECALL_POINTS``, 0..1: 0 where the recall is not reached, shape (101, k).

    ``correct``: whether each prediction, best first, found an object, under k criteria, shape (n, k); ``counted``: whether
    it counts at all; ``objects``: number of objects, at least 1. The precision at a recall is the highest one at that
    recall or a higher one.
    """
    right, wrong = np.cumsum(correct, axis=0), np.cumsum(counted & ~correct, axis=0)
    precision = right / np.maximum(right + wrong, 1)
    envelope = np.maximum.accumulate(precision[::-1], axis=0)[::-1]
    recall = right / objects
    found = np.zeros((len(RECALL_POINTS), correct.shape[1]))
    for k in range(correct.shape[1]):
        at = np.searchsorted(recall[:, k], RECALL_POINTS, side="left")
        reached = at < len(recall)
        found[reached, k] = envelope[at[reached], k]
    return found
