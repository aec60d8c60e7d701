"""Evaluation of a model, or of two on the same images: from labeled images to the record ``edgevision.evaluate/1``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from ..datasets.dataset import Item, Skipped
from ..datasets.training_images import TrainingImages
from ..errors import BadModel
from ..files.run_folder import versions
from ..log import Log
from .comparison import ModelComparison, compare
from .ground_truth import LabelMapping, choose
from .measures import ClassificationMetrics, classification_metrics
from .records import Pictures, Subject
from .scoring import Scored, score
from .trained_on import TrainedOn, counts, parts

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
    trained_on: TrainedOn | None
    """The images that the model was trained on; None if none was given, or if it is not known."""
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
            "trained_on": self.trained_on.to_json() if self.trained_on else None,
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
        All measures of the model, and of the second model with the differences between them. Images that one of them
        was trained on are counted apart in ``trained_on``; they are in the other measures only if there are no others.

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
    negatives, said = _without_known_negatives(subjects, negatives)
    scored, known = _without_training_images(subjects, scored)
    verdicts = [
        _verdict(one, of, scored.items, scores, apart, threshold)
        for one, of, scores, apart in zip(subjects, classes, scored.scores, negatives.scores, strict=True)
    ]
    trained_on = _trained_on(subject, classes[0], known, threshold)
    return Evaluation(
        pictures=pictures,
        items=scored.items,
        skipped=(*pictures.skipped, *chosen.left_out, *scored.skipped, *negatives.skipped),
        fingerprint=scored.fingerprint,
        result=verdicts[0],
        other=verdicts[1] if other else None,
        comparison=compare(verdicts[0].metrics, verdicts[1].metrics) if other else None,
        trained_on=trained_on,
        notes=tuple(
            dict.fromkeys(
                (
                    *(line for of in classes for line in of.notes),
                    *said,
                    *_warning(trained_on),
                    *_constant(verdicts[0].metrics),
                )
            )
        ),
        seconds=perf_counter() - started,
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Known:
    """The scored images that made one of the models."""

    scored: Scored
    parts: dict[str, int]
    counted_apart: bool


def _without_training_images(subjects: Sequence[Subject], scored: Scored) -> tuple[Scored, _Known | None]:
    """Return the images to measure on, and those that made a model; these are measured on only if there are no others."""
    paths = [item.path for item in scored.items]
    found = parts([one.training_images for one in subjects], paths, scored.digests, scored.fingerprint)
    fresh = [at for at, part in enumerate(found) if part is None]
    if len(fresh) == len(found):
        return scored, None
    known = _Known(scored.only([at for at, part in enumerate(found) if part]), counts(found), bool(fresh))
    return (scored.only(fresh) if fresh else scored), known


def _without_known_negatives(subjects: Sequence[Subject], scored: Scored) -> tuple[Scored, tuple[str, ...]]:
    """Return the negatives that had no part in making a model, and a note on the others."""
    paths = [item.path for item in scored.items]
    found = parts([TrainingImages(one.training_images.digests) for one in subjects], paths, scored.digests, "")
    fresh = [at for at, part in enumerate(found) if part is None]
    if len(fresh) == len(found):
        return scored, ()
    left_out = len(found) - len(fresh)
    note = f"left out {left_out} of {len(found)} negatives: the model was made with them"
    return scored.only(fresh), (note,)


def _trained_on(subject: Subject, of: LabelMapping, known: _Known | None, limit: float | None) -> TrainedOn | None:
    if known is None:
        return None
    nothing = np.zeros((0, of.count), np.float32)
    measured = _verdict(subject, of, known.scored.items, known.scored.scores[0], nothing, limit).metrics
    return TrainedOn(known.parts.get("train", 0), known.parts.get("val", 0), measured.accuracy, known.counted_apart)


def _warning(found: TrainedOn | None) -> tuple[str, ...]:
    """Return what the user must know about the accuracy."""
    if found is None:
        return ()
    if found.counted_apart:
        value = f"{found.accuracy.count} of {found.accuracy.total} correct"
        return (f"counted apart: {found.describe()} ({value}); the accuracy is that of the other images",)
    return (f"only {found.describe()}: the accuracy says little about new images; evaluate others, or --split test",)


def _constant(found: ClassificationMetrics) -> tuple[str, ...]:
    """Return a note if a model that always gives the same answer would be right as often."""
    one = found.baseline
    if one is None or found.accuracy.value > one.accuracy or one.accuracy == 1:
        return ()
    share = f"{100 * one.accuracy:.1f} % of the images"
    return (f"no better than always answering {found.name(one.index)!r}, which is right on {share}",)


def _verdict(
    subject: Subject, of: LabelMapping, items: Sequence[Item], scores: Scores, negatives: Scores, limit: float | None
) -> ModelEvaluation:
    if scores.shape[1] != of.count:
        raise BadModel(f"{subject.facts.path} returned {scores.shape[1]} scores, but has {of.count} labels")
    return ModelEvaluation(
        subject, classification_metrics(subject.scorer.card, of.labels, scores, of.flags(items), negatives, limit)
    )
