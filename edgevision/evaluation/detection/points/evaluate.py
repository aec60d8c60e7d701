"""Evaluation of a model that finds points, or of two on the same images: to the record ``edgevision.evaluate/1``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ....errors import BadModel
from ...scorers import EvaluatedModel, ModelFacts
from ..agreement import agree
from ..bootstrap import Interval, interval, ratio_interval
from ..detectors import DetectorSubject
from ..evaluation import BoxPictures, DetectorTrainedOn, ObjectComparison, ObjectEvaluation, opposite
from ..formatting import points
from ..predicted import PredictedImages, predict_all
from .matching import PLACE
from .measures import PointMeasures, mean_interval, measure_points
from .metrics import evaluate_point_boxes
from .point_boxes import PointModel, PointsAsBoxes


@dataclass(frozen=True, slots=True, eq=False)
class PointComparison(ObjectComparison):
    """The other model compared with the first on the same images; two points agree if they are at most a cell apart."""

    f1_change: Interval
    """F1 of the other model minus that of the first, on the same images, -1..1."""
    count_error_change: Interval
    """Count error per image of the other model minus that of the first."""

    @property
    def drop(self) -> Interval | None:
        """F1 that the other model lost."""
        return opposite(self.f1_change)

    @property
    def unit(self) -> str:
        """What a find is."""
        return "points"

    @property
    def note(self) -> str:
        """When two points are the same."""
        return "The same points: same class and at most a cell apart, of the points of both models at their thresholds."

    def differences(self) -> list[tuple[str, str]]:
        """Return the differences by name, formatted."""
        value = self.count_error_change.value
        error = [] if value is None else [("count error change", f"{value:+.2f} per image")]
        return [("F1 change", points(self.f1_change)), *error]

    def differences_json(self) -> dict[str, Any]:
        """Return the differences as JSON values."""
        return {
            "f1_change_points": self.f1_change.to_json(100.0),
            "count_error_change": self.count_error_change.to_json(),
        }


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class PointEvaluation(ObjectEvaluation):
    """The result of an evaluation. ``to_json`` returns all of it in a documented schema.

    ``measures.f1`` has ``value``, ``low`` and ``high`` (95 % confidence interval), 0..1.
    """

    measures: PointMeasures
    """All measures of the model."""
    other_measures: PointMeasures | None
    """All measures of the model it is compared with."""
    comparison: PointComparison | None
    """Difference between the two models."""


def point_subject(model: EvaluatedModel, facts: ModelFacts, split_file: Path | None = None) -> DetectorSubject:
    """Return a model that finds points as a subject. Raises BadModel for a model of another task."""
    if model.card.task != "points" or not isinstance(model, PointModel):
        raise BadModel(f"{facts.path} is a {model.card.task} model; compare points with points")
    return DetectorSubject(PointsAsBoxes(model), facts, split_file)


def evaluate_points(
    subject: DetectorSubject,
    given: BoxPictures,
    *,
    other: DetectorSubject | None = None,
    threshold: float | None = None,
    step: Callable[[int], None] = lambda done: None,
) -> PointEvaluation:
    """Evaluate a model that finds points on images with labeled boxes, and optionally a second one on the same images.

    Args:
        subject: The model to evaluate, as ``PointsAsBoxes``.
        given: The images and the negatives.
        other: A second model to compare with.
        threshold: Score of 0..1 from which points count; None for the model's own.
        step: Called with the number of images done.

    Returns:
        All measures of the model, and of the second one with the differences between them. Images that one of them was
        trained on are counted apart in ``trained_on``; they are in the other measures only if there are no others.

    Raises:
        BadInput: The images cannot be read, or no label matches the model.
        BadModel: A model does not find points.
        EngineError: The engine failed.
    """
    found = predict_all([subject] if other is None else [subject, other], given, step)
    measures = [_measure(found, number, threshold) for number in range(len(found.subjects))]
    return PointEvaluation(
        **found.fields(measures[0], _trained_on(found, threshold)),
        measures=measures[0],
        other_measures=measures[1] if other else None,
        comparison=_compare(measures[0], measures[1], found) if other else None,
    )


def _measure(found: PredictedImages, number: int, given: float | None) -> PointMeasures:
    limit = found.threshold(number, given)
    return measure_points(found.predictions(number), found.truths(), found.labels.names, limit, found.weights)


def _trained_on(found: PredictedImages, given: float | None) -> DetectorTrainedOn | None:
    part = found.training
    if part is None:
        return None
    limit = found.threshold(0, given).value
    return part.record(
        "F1", evaluate_point_boxes(part.predictions, part.truths, found.labels.names, limit).counts.every.f1
    )


def _compare(first: PointMeasures, other: PointMeasures, found: PredictedImages) -> PointComparison:
    same = agree(first.predictions, other.predictions, (first.threshold.value, other.threshold.value), PLACE)
    return PointComparison(
        ratio_interval(same.matched, same.total, found.weights),
        same,
        _f1_change(first, other),
        _error_change(first, other, found),
    )


def _f1_change(first: PointMeasures, other: PointMeasures) -> Interval:
    if first.f1.value is None or other.f1.value is None:
        return Interval(None, None, None)
    return interval(other.f1.value - first.f1.value, other.resampled_f1 - first.resampled_f1)


def _error_change(first: PointMeasures, other: PointMeasures, found: PredictedImages) -> Interval:
    return mean_interval(other.metrics.counts.errors - first.metrics.counts.errors, found.weights)
