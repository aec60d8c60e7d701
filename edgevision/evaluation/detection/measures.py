"""All measures of one detector: average precision with intervals, precision-recall curves, thresholds and errors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .average_precision import RECALL_POINTS
from .bootstrap import DRAWS, Interval, ResampledPrecision, interval, resample
from .detectors import Threshold
from .errors import KINDS, find_errors
from .formatting import share
from .metrics import ClassDetection, DetectionMetrics, evaluate_boxes, operating_point
from .object_measures import ClassTable, ErrorWords, NamedInterval, ObjectMeasures
from .records import PredictedBoxes, TrueBoxes

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Singles = npt.NDArray[np.float32]

METHOD = f"bootstrap over images, {DRAWS} draws, 95 %"
CRITERION = "best F1 over the objects of all classes at IoU 0.5, on these images"
WORDS = ErrorWords(
    KINDS,
    "boxes",
    "half overlap counts as found; below a tenth, a box has nothing to do with an object",
    "average precision",
)
CLASS_NOTE = (
    "AP: average precision over all recalls, as COCO defines it; 50: boxes count from half overlap on. Precision and "
    "recall are at the threshold in the last column, which gives the best F1 for this class on these images."
)


@dataclass(frozen=True, slots=True, eq=False)
class DetectorMeasures(ObjectMeasures):
    """All measures of one detector on n images."""

    metrics: DetectionMetrics
    map50: Interval
    """Mean average precision at IoU 0.5, 0..1."""
    map50_95: Interval
    """Mean average precision over the IoU thresholds 0.5 to 0.95, 0..1."""
    resampled: ResampledPrecision

    def scores(self) -> tuple[NamedInterval, ...]:
        """Return the mean average precisions."""
        return NamedInterval("mAP50", self.map50), NamedInterval("mAP50:95", self.map50_95)

    def counting(self) -> str:
        """Return nothing: boxes are measured by their places."""
        return ""

    @property
    def words(self) -> ErrorWords:
        """What is said about the errors."""
        return WORDS

    def class_table(self, limit: int) -> ClassTable:
        """Return the measures of the classes with objects; if there are more than ``limit``, those with the lowest AP50."""
        found = [one for one in self.metrics.per_class if one.objects]
        shown = found if len(found) <= limit else sorted(found, key=lambda one: one.ap50 or 0.0)[:limit]
        head = ("class", "objects", "AP50", "AP50:95", "precision", "recall", "at threshold")
        return ClassTable(head, [_class_row(one) for one in shown], len(found), "lowest AP50", CLASS_NOTE)

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
            "threshold": self.threshold_json(CRITERION),
            "errors": self.errors_json(indices, names, paths),
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


def _class_row(one: ClassDetection) -> tuple[str, ...]:
    best = one.best
    point = (share(best.precision), share(best.recall), f"{best.threshold:.2f}") if best else ("-", "-", "-")
    return one.name, str(one.objects), share(one.ap50), share(one.ap50_95), *point


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
