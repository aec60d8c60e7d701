"""A person as an object, from its key points: what networks give that find points only."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .coco_keypoints import keypoint_names
from .layout import CandidateKeypoints, Candidates

if TYPE_CHECKING:
    from .layout import Floats

LABELS = ("person",)
"""What all these networks find."""
CONFIDENT = 0.2
"""Score from which a key point counts; that of the examples for MoveNet."""
MIN_POINTS = 3
"""Fewest confident points of a person: single ones are also found where there is nobody."""


def person(points: Floats, limit: float) -> Candidates:
    """Return the person with these key points; none if the score is below ``limit`` or too few points are confident.

    The score is the mean of those of the confident points, the box their hull. ``points``: x and y in pixels of the
    model's input, and score, (k, 3).
    """
    sure = points[(points[:, 2] >= CONFIDENT) & np.isfinite(points).all(axis=1)]
    score = float(sure[:, 2].mean()) if len(sure) >= MIN_POINTS else 0.0
    count = int(len(sure) >= MIN_POINTS and score >= limit)
    hull = np.concatenate([sure[:, :2].min(axis=0), sure[:, :2].max(axis=0)]) if count else np.zeros(4)
    return Candidates(
        np.asarray(hull[np.newaxis][:count], np.float32),
        np.full(count, score, np.float32),
        np.zeros(count, np.int64),
        CandidateKeypoints(keypoint_names(len(points)), points[np.newaxis][:count]),
    )
