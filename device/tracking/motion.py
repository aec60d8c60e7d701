"""Motion of boxes: one Kalman filter with constant velocity for each center, width and height, all of them at once.

The four numbers of a box are filtered independently of each other, as in SORT (Bewley et al., 2016, arXiv:1602.00763), so that
a covariance is three numbers. Noise is relative to the size of the box, as in DeepSORT (Wojke et al., 2017,
arXiv:1703.07402), but in seconds: live cameras drop frames.
"""

from __future__ import annotations

from math import exp
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    Values = npt.NDArray[np.float64]
    Rows = npt.NDArray[np.int64]
    Mask = npt.NDArray[np.bool_]

MEASURED = np.array([0.06, 0.06, 0.1, 0.1])
"""Standard deviation of a detected center, width and height, as a share of the object's size."""
LEAST_MEASURED, LEAST_OF_POINTS = 0.002, 0.02
"""Its lower limit as a share of the frame's diagonal: of boxes, and of points, which have no size."""
ACCELERATION = np.array([3.0, 3.0, 1.0, 1.0])
"""Standard deviation of the acceleration, in object sizes per s²."""
ACCELERATION_OF_FRAME = 0.1
"""What is added to it for centers, in diagonals of the frame per s²: small things turn and bounce sharply."""
SUDDEN = 1.2
"""Change of speed between two frames that still counts as the same object, in object sizes per s: people start and stop."""
FIRST_SPEED = 1.0
"""Standard deviation of the speed of something seen once, in diagonals of the frame per s."""
FIRST_GROWTH = 1.0
"""The same for width and height, in object sizes per s."""
COASTING_S = 1.0
"""Time in which a hidden object is assumed to lose most of its speed, in seconds."""


class BoxMotion:
    """Position, speed and their uncertainty of n boxes; row i belongs to the i-th track."""

    def __init__(self) -> None:
        self.diagonal = 1.0
        """Diagonal of the frame in pixels."""
        self._step_s = 0.0
        """Time since the frame before, in seconds."""
        empty = np.empty((0, 4))
        self._position, self._speed = empty, empty
        """Center x, center y, width, height in pixels; the same per second."""
        self._pp, self._ps, self._ss = empty, empty, empty
        """Covariances: of the position, of position and speed, of the speed."""

    def add(self, boxes: Values) -> None:
        """Append tracks that were seen once; ``boxes``: x0, y0, x1, y1, (n, 4)."""
        position = _centered(boxes)
        size = _sizes(position)
        first = np.empty_like(position)
        first[:, :2] = FIRST_SPEED * self.diagonal
        first[:, 2:] = FIRST_GROWTH * size
        new = (position, np.zeros_like(position), self._noise(size), np.zeros_like(position), first**2)
        self._set(*(np.concatenate(pair) for pair in zip(self._all(), new, strict=True)))

    def keep(self, rows: Mask) -> None:
        """Remove the tracks that are not in ``rows``."""
        self._set(*(values[rows] for values in self._all()))

    def advance(self, seconds: float, hidden: Mask) -> None:
        """Predict where everything is now; ``hidden``: the tracks that were not seen in the last frame."""
        self._step_s = seconds
        self._speed[hidden, :2] *= exp(-seconds / COASTING_S)
        self._speed[hidden, 2:] = 0.0  # it seemed to shrink while it disappeared
        noise = (ACCELERATION * _sizes(self._position)) ** 2
        noise[:, :2] += (ACCELERATION_OF_FRAME * self.diagonal) ** 2
        self._position = self._position + seconds * self._speed
        np.maximum(self._position[:, 2:], 0.0, out=self._position[:, 2:])
        self._pp = self._pp + seconds * (2 * self._ps + seconds * self._ss) + noise * seconds**4 / 4
        self._ps = self._ps + seconds * self._ss + noise * seconds**3 / 2
        self._ss = self._ss + noise * seconds**2

    def correct(self, rows: Rows, boxes: Values, doubt: Values) -> None:
        """Correct the predictions of some tracks by what was detected.

        ``boxes``: x0, y0, x1, y1. ``doubt``: factor of the noise of each detection, 1 or more; of something that is
        partly covered, only a part was measured.
        """
        seen = _centered(boxes)
        pp, ps = self._pp[rows], self._ps[rows]
        total = pp + self._noise(_sizes(seen)) * doubt[:, np.newaxis] ** 2
        gain, gain_of_speed = pp / total, ps / total
        error = seen - self._position[rows]
        self._position[rows] += gain * error
        self._speed[rows] += gain_of_speed * error
        self._pp[rows] = (1 - gain) * pp
        self._ps[rows] = (1 - gain) * ps
        self._ss[rows] -= gain_of_speed * ps

    @property
    def centers(self) -> Values:
        """Predicted centers in pixels, (n, 2)."""
        return self._position[:, :2]

    @property
    def boxes(self) -> Values:
        """Predicted boxes x0, y0, x1, y1 in pixels, (n, 4)."""
        half = self._position[:, 2:] / 2
        return np.concatenate((self._position[:, :2] - half, self._position[:, :2] + half), axis=1)

    def distances(self, boxes: Values) -> Values:
        """Return the squared distance of each center from each prediction, in units of its uncertainty, (n, boxes)."""
        seen = _centered(boxes)
        size = _sizes(seen)
        sudden = (SUDDEN * self._step_s * size) ** 2
        spread = self._pp[:, np.newaxis, :2] + (self._noise(size)[:, :2] + sudden)[np.newaxis]
        squares = (seen[np.newaxis, :, :2] - self._position[:, np.newaxis, :2]) ** 2 / spread
        total: Values = squares[..., 0] + squares[..., 1]
        return total

    def _noise(self, size: Values) -> Values:
        """Return the variance of detected boxes of these sizes."""
        least = np.where(size > 0, LEAST_MEASURED, LEAST_OF_POINTS) * self.diagonal
        return np.maximum(MEASURED * size, least) ** 2

    def _all(self) -> tuple[Values, ...]:
        return self._position, self._speed, self._pp, self._ps, self._ss

    def _set(self, *values: Values) -> None:
        self._position, self._speed, self._pp, self._ps, self._ss = values


def _centered(boxes: Values) -> Values:
    """Return center x, center y, width and height of x0, y0, x1, y1."""
    first, second = boxes[:, :2], boxes[:, 2:]
    return np.concatenate(((first + second) / 2, second - first), axis=1)


def _sizes(centered: Values) -> Values:
    """Return the geometric mean of width and height, (n, 1)."""
    return np.sqrt(centered[:, 2:3] * centered[:, 3:4])
