"""Costs of giving a detection to a track: by overlap, or by distance for things that are small, fast or points.

Overlap with the predicted box is the evidence of SORT and ByteTrack (Zhang et al., 2022, arXiv:2110.06864). Something that
moves farther than its own size between two frames overlaps with nothing; its distance from the prediction then decides.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from .motion import BoxMotion, Mask, Rows, Values

LIMIT = 1.0
"""Cost from which a detection and a track do not belong together."""
LEAST_OVERLAP, LEAST_OVERLAP_OF_OTHER = 0.2, 0.5
"""Smallest overlap (intersection over union) with a track of the same class, and of another."""
OTHER_CLASS = 0.2
"""What another class adds to the cost; detectors confuse classes such as car and truck."""
FARTHEST = 13.8
"""Largest squared distance in units of the uncertainty: 99.9 % of the true ones are nearer (chi-square, 2 degrees)."""
NEAREST_COST = 0.8
"""Cost of a match by distance 0; it is a match by overlap that is just allowed."""
MAX_SIZE_RATIO = 2.5
"""How much larger or smaller something may look than before, in width or in height, to be matched by distance."""


def costs(motion: BoxMotion, predicted: Values, boxes: Values, track_classes: Rows, classes: Rows) -> Values:
    """Return the cost of each pair of a track and a detection, (tracks, detections); LIMIT or more: they do not match.

    Args:
        motion: The motion of the tracks.
        predicted: Their predicted boxes, (tracks, 4).
        boxes: The detections, (detections, 4).
        track_classes: Class of each track.
        classes: Class of each detection.
    """
    same = track_classes[:, np.newaxis] == classes
    shared = overlaps(predicted, boxes)
    distance = motion.distances(boxes)
    near = same & (distance < FARTHEST) & _similar_sizes(predicted, boxes)
    by_distance = np.where(near, NEAREST_COST + (LIMIT - NEAREST_COST) * distance / FARTHEST, LIMIT)
    enough = shared >= np.where(same, LEAST_OVERLAP, LEAST_OVERLAP_OF_OTHER)
    by_overlap = np.where(enough, 1.0 - shared + np.where(same, 0.0, OTHER_CLASS), LIMIT)
    return np.minimum(by_distance, by_overlap)


def overlaps(first: Values, second: Values) -> Values:
    """Return the intersection over union of all pairs of boxes, (first, second)."""
    corner = np.minimum(first[:, np.newaxis, 2:], second[:, 2:])
    sides = np.maximum(corner - np.maximum(first[:, np.newaxis, :2], second[:, :2]), 0.0)
    shared = sides[..., 0] * sides[..., 1]
    total = _areas(first)[:, np.newaxis] + _areas(second) - shared
    share: Values = np.divide(shared, total, out=np.zeros_like(shared), where=total > 0)
    return share


def _similar_sizes(first: Values, second: Values) -> Mask:
    """Return which pairs have similar widths or heights, of which a cover hides at most one; points fit everything."""
    found = np.zeros((len(first), len(second)), bool)
    for side in (0, 1):
        one = (first[:, side + 2] - first[:, side])[:, np.newaxis]
        other = second[:, side + 2] - second[:, side]
        found |= (one <= MAX_SIZE_RATIO * other) & (other <= MAX_SIZE_RATIO * one)
        found |= (one == 0) | (other == 0)
    return found


def _areas(boxes: Values) -> Values:
    sides = boxes[:, 2:] - boxes[:, :2]
    areas: Values = sides[:, 0] * sides[:, 1]
    return areas
