"""All measures of one detector: average precision with intervals, precision-recall curves, thresholds and errors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .average_precision import RECALL_POINTS
from .bootstrap import DRAWS, Interval, ResampledPrecision, interval, resample
from .detectors import Threshold
from .errors import KINDS, DetectionError, DetectionErrors, find_errors
from .metrics import ClassDetection, DetectionMetrics, OperatingPoint, evaluate_boxes, operating_point
from .records import PredictedBoxes, TrueBoxes

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Singles = npt.NDArray[np.float32]

LISTED = 20
"""Number of errors of each kind that JSON lists."""
METHOD = f"bootstrap over images, {DRAWS} draws, 95 %"
CRITERION = "best F1 over the objects of all classes at IoU 0.5, on these images"
NO_OBJECTS = "no objects, or nothing was found"


@dataclass(frozen=True, slots=True, eq=False)
class DetectorMeasures:
    """All measures of one detector on n images."""

    metrics: DetectionMetrics
    predictions: tuple[PredictedBoxes, ...]
    """What it found in each image, in the measured classes."""
    truths: tuple[TrueBoxes, ...]
    map50: Interval
    """Mean average precision at IoU 0.5, 0..1."""
    map50_95: Interval
    """Mean average precision over the IoU thresholds 0.5 to 0.95, 0..1."""
    resampled: ResampledPrecision
    threshold: Threshold
    """The score from which objects count."""
    operating: OperatingPoint | None
    """Precision and recall at that threshold; None without objects."""
    errors: DetectionErrors
    """The errors at that threshold."""

    def to_json(self, indices: Sequence[int], names: Sequence[str], paths: Sequence[str]) -> dict[str, Any]:
        """Return the measures of ``edgevision.evaluate/1``.

        ``indices``: the detector's class of each measured class; ``paths``: paths of the n images.
        """
        classes = list(zip(indices, self.metrics.per_class, strict=True))
        return {
            "map50": {**self.map50.to_json(), "method": METHOD},
            "map50_95": {**self.map50_95.to_json(), "method": METHOD},
            "objects": self.metrics.objects,
            "per_class": [_class_json(index, one) for index, one in classes],
            "pr_curves": {
                "iou": 0.5,
                "recall": [round(float(value), 2) for value in RECALL_POINTS],
                "classes": [_curve_json(index, one) for index, one in classes if one.objects],
            },
            "threshold": self._threshold_json(),
            "errors": self._errors_json(indices, names, paths),
        }

    def _threshold_json(self) -> dict[str, Any]:
        best, used = self.metrics.best, self.operating
        return {
            "suggested": best.threshold if best else None,
            "criterion": CRITERION if best else NO_OBJECTS,
            "precision": best.precision if best else None,
            "recall": best.recall if best else None,
            "used": self.threshold.value,
            "used_from": self.threshold.origin,
            "used_precision": used.precision if used else None,
            "used_recall": used.recall if used else None,
        }

    def _errors_json(self, indices: Sequence[int], names: Sequence[str], paths: Sequence[str]) -> dict[str, Any]:
        listed = [one for kind in KINDS for one in self.errors.of(kind)[:LISTED]]
        return {
            "threshold": self.errors.threshold,
            "correct": self.errors.correct,
            **self.errors.counts(),
            "listed": [_error_json(one, indices, names, paths) for one in listed],
        }


def measure(
    predictions: Sequence[PredictedBoxes],
    truths: Sequence[TrueBoxes],
    names: Sequence[str],
    threshold: Threshold,
    weights: Singles,
) -> DetectorMeasures:
    """Compute all measures. ``names``: of the measured classes; ``weights``: resampled sets by ``draw_images``."""
    metrics = evaluate_boxes(predictions, truths, names)
    draws = resample(metrics, weights)
    return DetectorMeasures(
        metrics=metrics,
        predictions=tuple(predictions),
        truths=tuple(truths),
        map50=interval(metrics.map50, draws.map50),
        map50_95=interval(metrics.map50_95, draws.map50_95),
        resampled=draws,
        threshold=threshold,
        operating=operating_point(metrics.matches, threshold.value),
        errors=find_errors(metrics.matches, predictions, truths, threshold.value),
    )


def _class_json(index: int, one: ClassDetection) -> dict[str, Any]:
    best = one.best
    return {
        "index": index,
        "name": one.name,
        "objects": one.objects,
        "ap50": one.ap50,
        "ap50_95": one.ap50_95,
        "precision": best.precision if best else None,
        "recall": best.recall if best else None,
        "threshold": best.threshold if best else None,
    }


def _curve_json(index: int, one: ClassDetection) -> dict[str, Any]:
    return {"index": index, "name": one.name, "precision": [round(float(value), 6) for value in one.curve]}


def _error_json(
    one: DetectionError, indices: Sequence[int], names: Sequence[str], paths: Sequence[str]
) -> dict[str, Any]:
    return {
        "kind": one.kind,
        "path": paths[one.image],
        "score": None if one.score is None else round(one.score, 6),
        "predicted": None if one.predicted is None else {"index": indices[one.predicted], "name": names[one.predicted]},
        "box": None if one.box is None else list(one.box),
        "true": None if one.true is None else {"index": indices[one.true], "name": names[one.true]},
        "true_box": None if one.true_box is None else list(one.true_box),
    }
