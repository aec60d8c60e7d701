"""Evaluation of a model, or of two on the same images: from labeled images to the record ``edgevision.evaluate/1``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING, Any

from ..datasets.dataset import Item, Skipped
from ..errors import BadModel
from ..files.run_folder import versions
from ..log import Log
from .comparison import ModelComparison, compare
from .ground_truth import LabelMapping, choose
from .measures import ClassificationMetrics, classification_metrics
from .records import Pictures, Subject
from .scoring import score

if TYPE_CHECKING:
    from .scoring import Scores


log = Log("edgevision.evaluate")

SCHEMA = "edgevision.evaluate/1"


@dataclass(frozen=True, slots=True, eq=False)
class ModelEvaluation:
    """The result of one model."""

    subject: Subject
    metrics: ClassificationMetrics

    def to_json(self, paths: Sequence[str]) -> dict[str, Any]:
        """Return the fields of ``edgevision.evaluate/1`` about this model."""
        card = self.subject.scorer.card
        return {
            "model": self.subject.facts.to_json(),
            "task": card.task,
            "labels": list(self.metrics.labels),
            "preprocessing": card.preprocessing.to_json(),
            **self.metrics.to_json(paths),
        }


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """The result of an evaluation. ``to_json`` returns all of it in a documented schema.

    ``metrics.accuracy`` has ``value``, ``low`` and ``high`` (95 % confidence interval), 0..1.
    """

    pictures: Pictures
    """The images that were given."""
    items: tuple[Item, ...]
    """The n evaluated images, in the order of the rows of all arrays."""
    skipped: tuple[Skipped, ...]
    """Skipped files and labels, each with the reason."""
    fingerprint: str
    """sha256 of the n images and their labels."""
    result: ModelEvaluation
    """Result of the model."""
    other: ModelEvaluation | None
    """Result of the model it is compared with."""
    comparison: ModelComparison | None
    """Difference between the two models."""
    notes: tuple[str, ...]
    """Remarks for the user, such as labels that do not match and skipped images."""
    seconds: float
    """Duration of the evaluation in seconds."""

    @property
    def metrics(self) -> ClassificationMetrics:
        """All measures of the model: accuracy with its confidence interval, confusion matrix, per class and more."""
        return self.result.metrics

    @property
    def paths(self) -> tuple[str, ...]:
        """Paths of the n images."""
        return tuple(item.path for item in self.items)

    def to_json(self) -> dict[str, Any]:
        """Return the record in the schema ``edgevision.evaluate/1``."""
        found = self.result.to_json(self.paths)
        data = {
            "path": self.pictures.path,
            "split": self.pictures.split,
            "fingerprint": self.fingerprint,
            "pictures": len(self.items),
            "skipped": [one.to_json() for one in self.skipped],
        }
        return {
            "schema": SCHEMA,
            "model": found.pop("model"),
            "data": data,
            **found,
            "notes": list(self.notes),
            "seconds": round(self.seconds, 3),
            "versions": versions(),
            "compare": self._compare_json(),
        }

    def _compare_json(self) -> dict[str, Any] | None:
        if self.other is None or self.comparison is None:
            return None
        return {**self.other.to_json(self.paths), **self.comparison.to_json(self.paths)}


def evaluate(
    subject: Subject,
    pictures: Pictures,
    *,
    other: Subject | None = None,
    threshold: float | None = None,
    step: Callable[[int], None] = lambda done: None,
) -> Evaluation:
    """Evaluate a model on labeled images, and optionally a second model on the same images.

    Args:
        subject: The model to evaluate.
        pictures: The labeled images and the negatives.
        other: A second model to compare with.
        threshold: Score of 0..1 from which a label is assigned (multi-label models), and from which a prediction for a
            negative is a false positive. None uses the threshold of the model card.
        step: Called with the number of images done.

    Returns:
        All measures of the model, and of the second model with the differences between them.

    Raises:
        BadInput: The images cannot be read, or no label matches the model.
        BadModel: The model is not a classifier, or its scores do not fit its labels.
        EngineError: The engine failed.
    """
    started = perf_counter()
    subjects = [subject] if other is None else [subject, other]
    classes, chosen = choose(subjects, pictures)
    scorers = [one.scorer for one in subjects]
    for one, of in zip(subjects, classes, strict=True):
        log.info("%s: %d labels", one.facts.path, of.count)
    scored = score(scorers, chosen.items, step)
    log.info(
        "scored %d images in %.1f s, %d not usable", len(scored.items), perf_counter() - started, len(scored.skipped)
    )
    negatives = score(scorers, chosen.negatives, lambda done: step(len(chosen.items) + done))
    verdicts = [
        _verdict(one, of, scored.items, scores, apart, threshold)
        for one, of, scores, apart in zip(subjects, classes, scored.scores, negatives.scores, strict=True)
    ]
    return Evaluation(
        pictures=pictures,
        items=scored.items,
        skipped=(*pictures.skipped, *chosen.left_out, *scored.skipped, *negatives.skipped),
        fingerprint=scored.fingerprint,
        result=verdicts[0],
        other=verdicts[1] if other else None,
        comparison=compare(verdicts[0].metrics, verdicts[1].metrics) if other else None,
        notes=tuple(dict.fromkeys(line for of in classes for line in of.notes)),
        seconds=perf_counter() - started,
    )


def _verdict(
    subject: Subject, of: LabelMapping, items: Sequence[Item], scores: Scores, negatives: Scores, limit: float | None
) -> ModelEvaluation:
    if scores.shape[1] != of.count:
        raise BadModel(f"{subject.facts.path} returned {scores.shape[1]} scores, but has {of.count} labels")
    return ModelEvaluation(
        subject, classification_metrics(subject.scorer.card, of.labels, scores, of.flags(items), negatives, limit)
    )
