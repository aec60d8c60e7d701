"""Evaluation of a detector, or of two on the same images: from labeled boxes to the record ``edgevision.evaluate/1``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .agreement import agree
from .bootstrap import Interval, interval, ratio_interval
from .detectors import DetectorSubject
from .evaluation import BoxPictures, DetectorTrainedOn, ObjectComparison, ObjectEvaluation, opposite
from .formatting import points
from .measures import DetectorMeasures, measure
from .metrics import evaluate_boxes
from .predicted import PredictedImages, TrainingPart, predict_all

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


@dataclass(frozen=True, slots=True, eq=False)
class DetectorComparison(ObjectComparison):
    """The other detector compared with the first on the same images; two boxes agree from an IoU of 0.5."""

    map50_change: Interval
    """mAP50 of the other detector minus that of the first, on the same images, -1..1."""
    map50_95_change: Interval

    @property
    def drop(self) -> Interval | None:
        """mAP50 that the other detector lost."""
        return opposite(self.map50_change)

    @property
    def unit(self) -> str:
        """What a find is."""
        return "boxes"

    @property
    def note(self) -> str:
        """When two boxes are the same."""
        return "The same boxes: same class and at least half overlap, of the boxes of both models at their thresholds."

    def differences(self) -> list[tuple[str, str]]:
        """Return the differences by name, formatted."""
        return [("mAP50 change", points(self.map50_change)), ("mAP50:95 change", points(self.map50_95_change))]

    def differences_json(self) -> dict[str, Any]:
        """Return the differences as JSON values."""
        return {
            "map50_change_points": self.map50_change.to_json(100.0),
            "map50_95_change_points": self.map50_95_change.to_json(100.0),
        }


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class DetectorEvaluation(ObjectEvaluation):
    """The result of an evaluation. ``to_json`` returns all of it in a documented schema.

    ``measures.map50`` has ``value``, ``low`` and ``high`` (95 % confidence interval), 0..1.
    """

    measures: DetectorMeasures
    """All measures of the detector."""
    other_measures: DetectorMeasures | None
    """All measures of the detector it is compared with."""
    comparison: DetectorComparison | None
    """Difference between the two detectors."""


def evaluate_detectors(
    subject: DetectorSubject,
    given: BoxPictures,
    *,
    other: DetectorSubject | None = None,
    threshold: float | None = None,
    step: Callable[[int], None] = lambda done: None,
) -> DetectorEvaluation:
    """Evaluate a detector on images with labeled boxes, and optionally a second detector on the same images.

    Args:
        subject: The detector to evaluate.
        given: The images and the negatives.
        other: A second detector to compare with.
        threshold: Score of 0..1 from which objects count in the errors, the agreement and on negatives; None for the
            detector's own. Average precision does not depend on it.
        step: Called with the number of images done.

    Returns:
        All measures of the detector, and of the second one with the differences between them. Images that one of them was
        trained on are counted apart in ``trained_on``; they are in the other measures only if there are no others.

    Raises:
        BadInput: The images cannot be read, or no label matches the model.
        BadModel: A model is not a detector.
        EngineError: The engine failed.
    """
    found = predict_all([subject] if other is None else [subject, other], given, step)
    measures = [_measure(found, number, threshold) for number in range(len(found.subjects))]
    return DetectorEvaluation(
        **found.fields(measures[0], _trained_on(found.training, found.labels.names)),
        measures=measures[0],
        other_measures=measures[1] if other else None,
        comparison=_compare(measures[0], measures[1], found) if other else None,
    )


def _measure(found: PredictedImages, number: int, given: float | None) -> DetectorMeasures:
    limit = found.threshold(number, given)
    return measure(found.predictions(number), found.truths(), found.labels.names, limit, found.weights)


def _trained_on(part: TrainingPart | None, names: tuple[str, ...]) -> DetectorTrainedOn | None:
    return part.record("mAP50", evaluate_boxes(part.predictions, part.truths, names).map50) if part else None


def _compare(first: DetectorMeasures, other: DetectorMeasures, found: PredictedImages) -> DetectorComparison:
    boxes = agree(first.predictions, other.predictions, (first.threshold.value, other.threshold.value))
    return DetectorComparison(
        ratio_interval(boxes.matched, boxes.total, found.weights),
        boxes,
        _change(first.map50, other.map50, other.resampled.map50 - first.resampled.map50),
        _change(first.map50_95, other.map50_95, other.resampled.map50_95 - first.resampled.map50_95),
    )


def _change(first: Interval, other: Interval, draws: npt.NDArray[np.float64]) -> Interval:
    if first.value is None or other.value is None:
        return Interval(None, None, None)
    return interval(other.value - first.value, draws)
