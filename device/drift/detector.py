"""From vectors of single frames to alarms: hours, the first day, the following ones, and one alarm a day at most."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ..telemetry.drift_status import DriftStatus, Reference, State
from .measure import ALARM, OVER, Measure

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from edgevision.model_file.card import DriftReference
    from edgevision.postprocessing.drift_vector import Vector

HOUR_S = 3600.0
TOLERANCE_S = 0.5
"""What an hour may lack: sums of times are not exact."""
FIRST_HOURS = 24
"""Hours that must be watched before anything can be raised."""
LEARN_HOURS = 7 * 24
"""Hours in which the baseline grows: after the first day by those that raise no suspicion. Then it is fixed, since one that
follows slowly would never notice a season."""
ALARM_HOURS = 24
"""Shortest time between two alarms, in hours watched; a clock that is set does not matter."""


class Alarm(NamedTuple):
    """Something has moved."""

    measure: str
    """features or scores: what is farthest beyond the usual."""
    value: float
    """Distance of the last hour from the baseline, in units of the distance of two unrelated calibration images."""
    expected: float
    """The largest usual distance."""


class Detector:
    """State of one camera and model. It holds at most LEARN_HOURS vectors of each measure."""

    def __init__(self, measures: Sequence[str], reference: DriftReference | None) -> None:
        """``measures``: names of those that the model has; ``reference``: that of the model file."""
        known = {} if reference is None else reference.measures
        self.measures = {name: Measure(known.get(name)) for name in measures}
        self.number = 0
        """Number of hours finished."""
        self.seconds = 0.0
        """Seconds watched in this hour."""
        self.samples = 0
        """Number of vectors in this hour."""
        self.sums: dict[str, Vector] = {}
        """Sums of the vectors in this hour."""
        self.drifted = False
        """Whether something has moved and has not come back."""
        self.alarmed_at: int | None = None
        """Number of the hour of the last alarm."""

    def add(self, vectors: Mapping[str, Vector], seconds: float) -> Alarm | None:
        """Add the vectors of a frame, which stands for ``seconds``; return an alarm if one is due at the end of an hour."""
        for name in self.measures:
            before = self.sums.get(name)
            self.sums[name] = vectors[name] if before is None else before + vectors[name]
        self.samples += 1
        self.seconds += seconds
        return self._end_hour() if self.seconds >= HOUR_S - TOLERANCE_S else None

    @property
    def is_first_day(self) -> bool:
        """Whether nothing can be raised yet."""
        return self.number < FIRST_HOURS

    def _end_hour(self) -> Alarm | None:
        means = {name: np.asarray(total / self.samples, np.float32) for name, total in self.sums.items()}
        for name, one in self.measures.items():
            if self.is_first_day:
                one.compare_with_calibration(means[name])
            else:
                one.compare(self.number, means[name])
        suspicious = any(one.excess >= OVER for one in self.measures.values())
        if self.number < LEARN_HOURS and not suspicious:
            for name, one in self.measures.items():
                one.learn(self.number, means[name])
        self.number += 1
        self.seconds, self.samples, self.sums = 0.0, 0, {}
        return self._alarm(suspicious)

    def _alarm(self, suspicious: bool) -> Alarm | None:
        """Return an alarm if something has moved and there was none within a day."""
        self.drifted = any(one.excess >= ALARM for one in self.measures.values()) or (self.drifted and suspicious)
        recent = self.alarmed_at is not None and self.number - self.alarmed_at < ALARM_HOURS
        if not self.drifted or recent:
            return None
        self.alarmed_at = self.number
        name, measure = max(self.measures.items(), key=lambda item: (item[1].excess, _ratio(item[1])))
        assert measure.distance is not None
        return Alarm(name, *_values(measure))

    def status(self) -> DriftStatus:
        """Return what is known now."""
        state: State = "drifted" if self.drifted else "learning" if self.is_first_day else "watching"
        known = {name: one.distance for name, one in self.measures.items() if one.distance is not None}
        against: Reference = "baseline" if self.number > FIRST_HOURS else "calibration"
        hours = round(self.number + self.seconds / HOUR_S, 2)
        return DriftStatus(state, against if known else None, hours, known)


def _ratio(measure: Measure) -> float:
    return 0.0 if measure.distance is None else measure.distance.value / measure.distance.expected


def _values(measure: Measure) -> tuple[float, float]:
    assert measure.distance is not None
    return measure.distance.value, measure.distance.expected
