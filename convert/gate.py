"""Whether int8 lost more accuracy than the user allows, and what can still be done about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from edgevision.stats import Difference, Share

from .agreement import Comparison
from .calibrate import COUNT, CalibrationSet
from .options import ConvertOptions

Measure = Literal["accuracy", "changed_answers"]


@dataclass(frozen=True, slots=True)
class Gate:
    """A limit and what was measured; all but the limit in percentage points, with the 95 % interval."""

    max_drop_points: float
    measure: Measure
    """``changed_answers`` where nothing is known of which answers are right: no more can be lost than changes."""
    value: float | None
    """None: nothing could be measured."""
    low: float | None
    high: float | None
    pictures: int
    remedies: tuple[str, ...]
    """What the user can still do."""

    @property
    def met(self) -> bool:
        """Whether the value measured is within the limit; what could not be measured is not."""
        return self.value is not None and self.value <= self.max_drop_points

    def message(self) -> str:
        """Why it is not met, in one line."""
        limit = f"--max-drop allows {self.max_drop_points:g}"
        advice = "; ".join(self.remedies)
        if self.value is None or self.low is None or self.high is None:
            return f"the loss is not known, and {limit} points: {advice}"
        what = "points of top-1 accuracy are lost" if self.measure == "accuracy" else "points of the answers change"
        measured = f"{self.value:.1f} {what} (95 %: {self.low:.1f} to {self.high:.1f}, {self.pictures} pictures)"
        doubt = "" if self.low > self.max_drop_points else ", too few pictures to be sure"
        unlabelled = "" if self.measure == "accuracy" else ", judged without labels"
        return f"{measured}, and {limit}{unlabelled}{doubt}; what is left: {advice}"

    def to_json(self) -> dict[str, Any]:
        """The field ``gate`` of the conversion's report."""
        return {
            "max_drop_points": self.max_drop_points,
            "measure": self.measure,
            "value": _rounded(self.value),
            "low": _rounded(self.low),
            "high": _rounded(self.high),
            "pictures": self.pictures,
            "met": self.met,
            "remedies": list(self.remedies),
        }


def judge(result: Comparison, calibration: CalibrationSet, options: ConvertOptions) -> Gate | None:
    """None where the user set no limit."""
    if options.max_drop is None:
        return None
    measure, found = _measured(result)
    total = result.float_accuracy.total if result.float_accuracy else result.pictures
    remedies = _remedies(measure, calibration, options)
    if found is None:
        return Gate(options.max_drop, measure, None, None, None, total, remedies)
    return Gate(options.max_drop, measure, 100 * found.value, 100 * found.low, 100 * found.high, total, remedies)


def _measured(result: Comparison) -> tuple[Measure, Difference | None]:
    if result.drop is not None:
        return "accuracy", result.drop
    agreement: Share | None = result.agreement
    if agreement is None:
        return "changed_answers", None
    return "changed_answers", Difference(1 - agreement.value, 1 - agreement.high, 1 - agreement.low)


def _remedies(measure: Measure, calibration: CalibrationSet, options: ConvertOptions) -> tuple[str, ...]:
    found = []
    if measure == "changed_answers":
        found.append("--report-on with labelled pictures, which tells what the changes cost")
    if options.effort != "high":
        found.append("--effort high")
    if calibration.rendered and options.warn_rendered:
        found.append("--calibration with photos instead of drawn pictures")
    elif len(calibration.chosen) + len(calibration.choosing) < COUNT:
        found.append(f"--calibration with about {COUNT} pictures")
    found.append("a wider network (a larger alpha), or one trained with ReLU6 and batch normalization")
    return tuple(found)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)
