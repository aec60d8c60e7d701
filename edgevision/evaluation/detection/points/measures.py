"""All measures of a model that finds points: precision, recall and F1 with intervals, counts, thresholds and errors.

Average precision is left out: that of COCO asks for overlapping boxes, which points do not have.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..bootstrap import DRAWS, Interval, interval, ratio_interval
from ..detectors import Threshold
from ..errors import find_errors
from ..formatting import share
from ..metrics import operating_point
from ..object_measures import ClassTable, ErrorWords, NamedInterval, ObjectMeasures
from ..records import PredictedBoxes, TrueBoxes
from .matching import hits
from .metrics import ClassPoints, PointMetrics, evaluate_point_boxes

if TYPE_CHECKING:
    import numpy.typing as npt

    Doubles = npt.NDArray[np.float64]
    Singles = npt.NDArray[np.float32]

METHOD = f"bootstrap over images, {DRAWS} draws, 95 %"
RULE = "a point finds an object if it is in its box or at most one cell from the center of the box; each object once"
CRITERION = "best F1 over the points of all classes, on these images"
WORDS = ErrorWords(("missed", "background", "confused", "duplicate"), "points", RULE, "F1")


@dataclass(frozen=True, slots=True, eq=False)
class PointMeasures(ObjectMeasures):
    """All measures of one model on n images; those of a whole set are at the threshold in use."""

    metrics: PointMetrics
    f1: Interval
    """Harmonic mean of precision and recall over all classes, 0..1."""
    precision: Interval
    """Share of the points that found an object, 0..1."""
    recall: Interval
    """Share of the objects that were found, 0..1."""
    count_error: Interval
    """Points too many or too few per image, summed over the classes."""
    resampled_f1: Doubles
    """F1 of each resampled set, NaN without points and objects, shape (DRAWS,)."""

    def scores(self) -> tuple[NamedInterval, ...]:
        """Return F1, precision and recall."""
        named = (("F1", self.f1), ("precision", self.precision), ("recall", self.recall))
        return tuple(NamedInterval(name, value) for name, value in named)

    def counting(self) -> str:
        """Return the mean error of the count of an image, and all points and objects, as text."""
        found, every = self.count_error, self.metrics.counts.every
        if found.value is None or not (every.objects or every.points):
            return ""
        mean = f"count off by {found.value:.2f} per image"
        if found.low is not None and found.high is not None:
            mean += f" (95 % CI {found.low:.2f} to {found.high:.2f})"
        return f"{mean}: {every.points} points for {every.objects} objects"

    @property
    def words(self) -> ErrorWords:
        """What is said about the errors."""
        return WORDS

    def class_table(self, limit: int) -> ClassTable:
        """Return the measures of the classes with objects; if there are more than ``limit``, those with the lowest F1."""
        found = [one for one in self.metrics.per_class if one.objects]
        shown = found if len(found) <= limit else sorted(found, key=lambda one: one.counts.f1 or 0.0)[:limit]
        head = ("class", "objects", "points", "precision", "recall", "F1", "best threshold")
        note = (
            f"Precision, recall and F1 at the threshold in use, {self.threshold.value:.2f}: {RULE}. The last column is the "
            "threshold with the best F1 for this class on these images."
        )
        return ClassTable(head, [_class_row(one) for one in shown], len(found), "lowest F1", note)

    def to_json(self, indices: Sequence[int], names: Sequence[str], paths: Sequence[str]) -> dict[str, Any]:
        """Return the measures of ``edgevision.evaluate/1``.

        ``indices``: the model's class of each measured class; ``paths``: paths of the n images.
        """
        every = self.metrics.counts.every
        return {
            "points": {
                "rule": RULE,
                **{name: {**value.to_json(), "method": METHOD} for name, value in self.intervals().items()},
                "count_error": {**self.count_error.to_json(), "method": METHOD},
                "counted": every.points,
            },
            "objects": self.metrics.objects,
            "per_class": [_class_json(index, one) for index, one in zip(indices, self.metrics.per_class, strict=True)],
            "threshold": self.threshold_json(CRITERION),
            "errors": self.errors_json(indices, names, paths),
        }

    def intervals(self) -> dict[str, Interval]:
        """Return F1, precision and recall by their names in JSON."""
        return {"f1": self.f1, "precision": self.precision, "recall": self.recall}


def measure_points(
    predictions: Sequence[PredictedBoxes],
    truths: Sequence[TrueBoxes],
    names: Sequence[str],
    threshold: Threshold,
    weights: Singles,
) -> PointMeasures:
    """Compute all measures. ``names``: of the measured classes; ``weights``: resampled sets by ``draw_images``."""
    metrics = evaluate_point_boxes(predictions, truths, names, threshold.value)
    correct, points, objects = (
        part.sum(axis=1) for part in (metrics.counts.correct, metrics.counts.points, metrics.counts.objects)
    )
    some = metrics.objects > 0
    nothing = Interval(None, None, None)
    return PointMeasures(
        metrics=metrics,
        predictions=tuple(predictions),
        truths=tuple(truths),
        f1=ratio_interval(2 * correct, points + objects, weights) if some else nothing,
        precision=ratio_interval(correct, points, weights) if some else nothing,
        recall=ratio_interval(correct, objects, weights),
        count_error=mean_interval(metrics.counts.errors, weights),
        resampled_f1=_ratios(2 * correct, points + objects, weights),
        threshold=threshold,
        operating=operating_point(metrics.matches, threshold.value),
        errors=find_errors(metrics.matches, predictions, truths, threshold.value, hits),
    )


def mean_interval(values: Doubles, weights: Singles) -> Interval:
    """Return the mean over images with its interval; None without images."""
    if not len(values):
        return Interval(None, None, None)
    return interval(float(values.mean()), _ratios(values, np.ones(len(values)), weights))


def _ratios(part: Doubles, whole: Doubles, weights: Singles) -> Doubles:
    """Return the ratio of two sums in each resampled set; NaN where the whole is 0."""
    total = np.asarray(weights @ whole, np.float64)
    found: Doubles = np.divide(weights @ part, total, out=np.full(len(total), np.nan), where=total > 0)
    return found


def _class_row(one: ClassPoints) -> tuple[str, ...]:
    counts, best = one.counts, one.best
    measured = (share(counts.precision), share(counts.recall), share(counts.f1))
    return one.name, str(counts.objects), str(counts.points), *measured, f"{best.threshold:.2f}" if best else "-"


def _class_json(index: int, one: ClassPoints) -> dict[str, Any]:
    return {
        "index": index,
        "name": one.name,
        "objects": one.objects,
        "counted": one.counts.points,
        "precision": one.counts.precision,
        "recall": one.counts.recall,
        "f1": one.counts.f1,
        "threshold": one.best.threshold if one.best else None,
    }
