"""Check of the accuracy loss against the user's limit, with suggestions when it is exceeded."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

from edgevision.evaluation.detection.bootstrap import Interval
from edgevision.evaluation.detection.points.evaluate import PointEvaluation
from edgevision.evaluation.intervals import Difference, Proportion

from ..images.calibration import CalibrationSet
from ..images.counts import COUNT
from ..modes import MODES, Mode
from ..options import ConvertOptions
from .float_vs_converted import FidelityComparison
from .float_vs_converted_detector import DetectorFidelity

Measure = Literal["accuracy", "changed_answers", "map50", "changed_boxes", "f1", "changed_points"]
WORDS: dict[Measure, str] = {
    "accuracy": "points of top-1 accuracy lost",
    "changed_answers": "points of the answers changed",
    "map50": "points of mAP50 lost",
    "changed_boxes": "points of the boxes changed",
    "f1": "points of F1 lost",
    "changed_points": "% of the points changed",
}
WITH_LABELS = ("accuracy", "map50", "f1")
"""Measures that need labeled images."""


@dataclass(frozen=True, slots=True)
class OtherMode:
    """Another mode that keeps the limit, and its loss in percentage points on the same images; float loses nothing."""

    mode: Mode
    value: float | None
    low: float | None
    high: float | None
    bytes: int
    """Size of the model in this mode, without the model card."""

    def describe(self, measure: Measure) -> str:
        """Return the mode and what it loses, as advice."""
        size = f"{self.bytes / 1e6:.2f} MB"
        if self.mode == "float":
            return f"--mode float, which loses nothing ({size})"
        return f"--mode {self.mode} ({self.value:.1f} {WORDS[measure]} on the same images, {size})"

    def to_json(self) -> dict[str, Any]:
        """Return the ``other_mode`` field."""
        figures = {"value": _rounded(self.value), "low": _rounded(self.low), "high": _rounded(self.high)}
        return {"mode": self.mode, **figures, "bytes": self.bytes}


@dataclass(frozen=True, slots=True)
class AccuracyLimit:
    """The limit and the measured loss with its 95 % confidence interval, all in percentage points."""

    max_drop_points: float
    measure: Measure
    """``changed_answers`` if the images have no labels: the accuracy loss cannot exceed the share of changed answers. Of
    detectors ``map50``, or ``changed_boxes`` without labels; of points ``f1`` or ``changed_points``."""
    value: float | None
    """None if nothing could be measured."""
    low: float | None
    high: float | None
    pictures: int
    remedies: tuple[str, ...]
    """Suggestions for the user."""
    other: OtherMode | None = None
    """Another mode that keeps the limit; None if it is kept, or if none was tried."""

    def with_other(self, other: OtherMode) -> AccuracyLimit:
        """Return the limit with a mode that keeps it, which becomes the first suggestion."""
        return replace(self, other=other, remedies=(other.describe(self.measure), *self.remedies))

    @property
    def met(self) -> bool:
        """Whether the measured value is within the limit; False if nothing could be measured."""
        return self.value is not None and self.value <= self.max_drop_points

    def message(self) -> str:
        """Return a one-line message that explains why the limit is not met."""
        limit = f"--max-drop allows {self.max_drop_points:g}"
        advice = "; ".join(self.remedies)
        if self.value is None or self.low is None or self.high is None:
            return f"the accuracy loss could not be measured ({limit} points); try: {advice}"
        measured = (
            f"{self.value:.1f} {WORDS[self.measure]} (95 %: {self.low:.1f} to {self.high:.1f}, {self.pictures} images)"
        )
        doubt = "" if self.low > self.max_drop_points else ", too few images to be certain"
        unlabelled = "" if self.measure in WITH_LABELS else ", measured without labels"
        return f"{measured}, but {limit}{unlabelled}{doubt}; try: {advice}"

    def to_json(self) -> dict[str, Any]:
        """Return the ``gate`` field of the conversion report."""
        return {
            "max_drop_points": self.max_drop_points,
            "measure": self.measure,
            "value": _rounded(self.value),
            "low": _rounded(self.low),
            "high": _rounded(self.high),
            "pictures": self.pictures,
            "met": self.met,
            "remedies": list(self.remedies),
            "other_mode": self.other.to_json() if self.other else None,
        }


def judge(result: FidelityComparison, calibration: CalibrationSet, options: ConvertOptions) -> AccuracyLimit | None:
    """Compare the measured loss with the user's limit; None if no limit is set."""
    if options.max_drop is None:
        return None
    measure, found = _measured(result)
    total = result.float_accuracy.total if result.float_accuracy else result.pictures
    remedies = _remedies(measure, calibration, options)
    if found is None:
        return AccuracyLimit(options.max_drop, measure, None, None, None, total, remedies)
    return AccuracyLimit(
        options.max_drop, measure, 100 * found.value, 100 * found.low, 100 * found.high, total, remedies
    )


def judge_detector(
    result: DetectorFidelity, calibration: CalibrationSet, options: ConvertOptions
) -> AccuracyLimit | None:
    """Compare the measured loss of mAP50, or F1 of points, with the user's limit; None if no limit is set.

    Without boxes of the images, the share of boxes or points without a partner is compared.
    """
    if options.max_drop is None:
        return None
    measure: Measure = "map50" if result.drop is not None else "changed_boxes"
    if isinstance(result.evaluation, PointEvaluation):
        measure = "f1" if result.drop is not None else "changed_points"
    found, agreement = result.drop, result.agreement
    if found is None and agreement is not None and agreement.high is not None and agreement.low is not None:
        found = Interval(1 - (agreement.value or 0.0), 1 - agreement.high, 1 - agreement.low)
    low, value, high = (
        None if found is None or end is None else 100 * end
        for end in ((None, None, None) if found is None else (found.low, found.value, found.high))
    )
    remedies = _remedies(measure, calibration, options)
    return AccuracyLimit(options.max_drop, measure, value, low, high, result.pictures, remedies)


def _measured(result: FidelityComparison) -> tuple[Measure, Difference | None]:
    if result.drop is not None:
        return "accuracy", result.drop
    agreement: Proportion | None = result.agreement
    if agreement is None:
        return "changed_answers", None
    return "changed_answers", Difference(1 - agreement.value, 1 - agreement.high, 1 - agreement.low)


def _remedies(measure: Measure, calibration: CalibrationSet, options: ConvertOptions) -> tuple[str, ...]:
    found = []
    if measure not in WITH_LABELS:
        found.append("--eval-data with labeled images, to measure the accuracy loss itself")
    if MODES[options.mode].int8 and options.effort != "high":
        found.append("--effort high")
    if calibration.rendered and options.warn_rendered:
        found.append("--calibration with photos instead of synthetic images")
    elif len(calibration.chosen) + len(calibration.selection) < COUNT:
        found.append(f"--calibration with about {COUNT} photos")
    found.append("a wider network (a larger alpha), or one trained with ReLU6 and batch normalization")
    return tuple(found)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)
