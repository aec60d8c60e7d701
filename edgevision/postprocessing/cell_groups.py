"""Group the cells of a grid of scores into points: one per thing, at the weighted center of its cells.

A thing larger than a cell raises the scores of several cells. As in Edge Impulse's FOMO, neighbors of one class, diagonal
ones included, whose scores reach a fixed level are one thing, whose score is the highest of them. Source:
ei_classifier's fill_result_struct_from_cubes in Edge Impulse's inferencing SDK.

The level does not depend on the threshold of a run, so that another threshold hides or shows points, but moves none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float32]
    Bytes = npt.NDArray[np.uint8]

DIAGONAL = 8
"""Connectivity of neighbors: all eight around a cell."""
AROUND = np.ones((3, 3), np.uint8)
MAX_POINTS = 1000
"""Most points of one frame, best first."""


class CellGroup(NamedTuple):
    """Neighboring cells that stand for one thing."""

    channel: int
    """Number of the class among the grid's planes."""
    score: float
    """Highest score of the cells."""
    x: float
    """Weighted center of the cells from the left edge, in cells; 0.5 is the middle of the first one."""
    y: float
    """Weighted center of the cells from the top edge, in cells."""


def group_cells(scores: Floats, level: float, limit: float) -> list[CellGroup]:
    """Return the groups with a score of at least ``limit``, best first, equal ones by class and place.

    ``scores``: (classes, rows, columns). ``level``: lowest score of a cell that is merged with its neighbors. Below it,
    each local maximum that touches no such cell is a group of its own.
    """
    found: list[CellGroup] = []
    for channel, plane in enumerate(scores):
        if float(plane.max(initial=0.0)) >= limit:
            firm = ((plane >= level) & (plane > 0.0)).astype(np.uint8)
            found += _groups(channel, plane, firm)
            found += _groups(channel, plane, _faint_peaks(plane, firm)) if limit < level else []
    kept = sorted((group for group in found if group.score >= limit), key=lambda group: -group.score)
    return kept[:MAX_POINTS]


def _groups(channel: int, plane: Floats, chosen: Bytes) -> list[CellGroup]:
    """Return one group for each connected part of the chosen cells."""
    import cv2

    count, parts = cv2.connectedComponents(chosen, connectivity=DIAGONAL)
    if count < 2:
        return []
    rows, columns = np.nonzero(chosen)
    part, weight = parts[rows, columns], plane[rows, columns].astype(np.float64)
    total = np.bincount(part, weight, count)[1:]
    across = np.bincount(part, weight * (columns + 0.5), count)[1:] / total
    down = np.bincount(part, weight * (rows + 0.5), count)[1:] / total
    best = np.zeros(count)
    np.maximum.at(best, part, weight)
    return [
        CellGroup(channel, *numbers) for numbers in zip(best[1:].tolist(), across.tolist(), down.tolist(), strict=True)
    ]


def _faint_peaks(plane: Floats, firm: Bytes) -> Bytes:
    """Return the local maxima above 0 that touch no firm cell."""
    import cv2

    highest = plane >= cv2.dilate(plane, AROUND)
    return np.asarray(highest & (plane > 0.0) & (cv2.dilate(firm, AROUND) == 0), np.uint8)
