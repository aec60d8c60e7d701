"""When a point finds an object: it is in the object's box, or at most one cell away from the box's center.

Points know no size, so their places are compared with the size of the object, as the crowd benchmark NWPU does: Q. Wang et
al., 2020, NWPU-Crowd (arXiv:2001.03360), section 5. The cell is what a model can tell apart; without it, a thing smaller
than a cell could hardly be found. Each object is found once, and by the point with the highest score, as boxes are.

A predicted point is stored as the box of one cell around it, in pixels of the image.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..matching import Criterion
from ..records import TrueBoxes

if TYPE_CHECKING:
    import numpy.typing as npt

    Boxes = npt.NDArray[np.floating]
    Doubles = npt.NDArray[np.float64]

MAX_POINTS = 1000
"""Points per class and image that count: those with the highest scores."""


def distances(points: Boxes, boxes: Boxes) -> Doubles:
    """Return the distance of points (n, 4) from the centers of boxes (m, 4), the larger of x and y, in cells; (n, m)."""
    cells = np.maximum(points[:, 2:].astype(np.float64) - points[:, :2], 1e-9)
    apart = np.abs(_centers(points)[:, None] - _centers(boxes)[None]) / cells[:, None]
    found: Doubles = apart.max(axis=-1)
    return found


def hits(points: Boxes, boxes: Boxes) -> Doubles:
    """Return 1 where a point is at the place of an object, else 0, shape (n, m)."""
    place, corners = _centers(points)[:, None], boxes.astype(np.float64)[None]
    inside = (place >= corners[..., :2]).all(axis=-1) & (place <= corners[..., 2:]).all(axis=-1)
    found: Doubles = (inside | (distances(points, boxes) <= 1.0)).astype(np.float64)
    return found


def _closeness(points: Boxes, truth: TrueBoxes) -> Doubles:
    """Return how close points are to the objects that they are at the place of, 0..1, 1 at the center, 0 elsewhere."""
    found: Doubles = hits(points, truth.boxes) / (1.0 + distances(points, truth.boxes))
    return found


def _centers(boxes: Boxes) -> Doubles:
    found: Doubles = (boxes[:, :2].astype(np.float64) + boxes[:, 2:]) / 2.0
    return found


PLACE = Criterion(_closeness, np.asarray([np.finfo(np.float64).tiny]), MAX_POINTS)
"""Points find the nearest free object at whose place they are."""
