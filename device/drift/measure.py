"""Drift of one measure: distance of an hour from the hours of the first days, and a cumulative sum of what exceeds it.

The distance is that of the hour's mean vector to the nearest hour of the baseline, so that day and night need no clock. How
far hours of the baseline are from each other, leaving out neighbors in time, is what is usual here. What exceeds it adds up
in a one-sided cumulative sum (E. S. Page, "Continuous inspection schemes", Biometrika 41, 1954). That classifier scores and
features show such changes: S. Rabanser, S. Guennemann, Z. Lipton, "Failing Loudly", NeurIPS 2019.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..telemetry.drift_status import Distance

if TYPE_CHECKING:
    from edgevision.model_file.card import MeasureReference
    from edgevision.postprocessing.drift_vector import Vector

NEIGHBORS = 2
"""Hours before and after an hour that it is not compared with: it always resembles them."""
QUANTILE = 0.9
MARGIN = 1.5
"""An hour is unusual if its distance is MARGIN times that which QUANTILE of the baseline's hours have. Not the largest: one
hour with a hand before the lens must not make everything usual."""
LEAST = 0.1
"""Distances below this never count: a tenth of that between two unrelated images."""
CAP = 3.0
"""Largest multiple of the usual distance that counts for one hour, so that one hour alone never raises an alarm."""
ALARM = 3.0
"""Cumulative sum at which an alarm is raised: after two hours of three times the usual distance, or six of 1.5 times."""
OVER = ALARM / 2
"""Cumulative sum below which it is over."""
OF_AN_IMAGE = 2.0**-0.5
"""Distance of a calibration image from the mean of all, in units of the distance of two."""


class Measure:
    """The baseline of one measure and its cumulative sum."""

    def __init__(self, reference: MeasureReference | None) -> None:
        """``reference``: that of the calibration images; None if the file has none."""
        self._reference = reference
        self._scale = reference.spread if reference is not None and reference.spread > 0 else 1.0
        self.hours: list[tuple[int, Vector]] = []
        """Number and mean vector of each hour of the baseline, oldest first."""
        self._usual: float | None = None
        self.excess = 0.0
        """The cumulative sum, 0..ALARM."""
        self.distance: Distance | None = None
        """That of the last hour."""

    def compare_with_calibration(self, vector: Vector) -> None:
        """Measure an hour against the mean of the calibration images; it never raises an alarm."""
        if self._reference is None or len(self._reference.mean) != vector.size:
            return
        mean = np.asarray(self._reference.mean, np.float32)
        self.distance = Distance(round(float(np.linalg.norm(vector - mean)) / self._scale, 4), round(OF_AN_IMAGE, 4))

    def compare(self, number: int, vector: Vector) -> None:
        """Measure an hour against the baseline, and add what exceeds the usual to the sum."""
        others = [known for at, known in self.hours if abs(at - number) > NEIGHBORS]
        if not others:
            return
        value = float(np.linalg.norm(np.stack(others) - vector, axis=1).min()) / self._scale
        if self._usual is None:
            self._usual = self._find_usual()
        self.distance = Distance(round(value, 4), round(self._usual, 4))
        self.excess = min(ALARM, max(0.0, self.excess + min(CAP, value / self._usual) - 1.0))

    def _find_usual(self) -> float:
        """Return the largest distance that counts as usual, from those of each hour to the others of the baseline."""
        numbers = np.array([number for number, _ in self.hours])
        vectors = np.stack([vector for _, vector in self.hours]).astype(np.float64)
        squares = (vectors**2).sum(axis=1)
        distances = squares[:, None] + squares - 2 * vectors @ vectors.T
        distances[np.abs(numbers[:, None] - numbers) <= NEIGHBORS] = np.inf
        nearest = distances.min(axis=1)
        found = np.sqrt(np.clip(nearest[np.isfinite(nearest)], 0, None))
        widest = float(np.quantile(found, QUANTILE)) if found.size else 0.0
        return max(LEAST, MARGIN * widest / self._scale)

    def learn(self, number: int, vector: Vector) -> None:
        """Add an hour to the baseline."""
        self.hours.append((number, vector))
        self._usual = None
