"""Figures that show what an accuracy is worth if the classes have different numbers of images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edgevision.evaluation.measures import balanced_accuracy, baseline

from ..images.heldout import LabelledImage


@dataclass(frozen=True, slots=True)
class ClassBalance:
    """What always giving one answer would reach on the labeled images, and the mean recall of the classes, 0..1."""

    most_frequent: int
    """Index of the most frequent class."""
    baseline: float
    """Share of the images that show it: the accuracy of always answering it."""
    float_balanced: float
    """Balanced accuracy of the float model: mean recall of the classes that have images."""
    converted_balanced: float


def class_balance(pictures: Sequence[LabelledImage], tops: Sequence[tuple[int, int]]) -> ClassBalance | None:
    """Return the figures for the answers ``tops`` (float, converted); None without labeled images.

    Of two classes of the same name, an image counts for the one that was answered, otherwise for the lower index.
    """
    known = [(one.labels, top) for one, top in zip(pictures, tops, strict=True) if one.labels]
    if not known:
        return None
    count = 1 + max(max(*labels, *top) for labels, top in known)
    matrices = np.zeros((2, count, count), np.int64)
    for labels, top in known:
        for matrix, answer in zip(matrices, top, strict=True):
            matrix[answer if answer in labels else min(labels), answer] += 1
    one = baseline(matrices[0].sum(axis=1))
    return ClassBalance(one.index, one.accuracy, *(balanced_accuracy(matrix) for matrix in matrices))
