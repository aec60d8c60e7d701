"""Evaluation of a detector, or of two on the same images: from labeled boxes to the record ``edgevision.evaluate/1``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from ...datasets.boxes.records import AnnotatedImage, BoxDataset
from ...datasets.dataset import Item, Skipped
from ...files.run_folder import versions
from ...log import Log
from .. import false_positives
from ..intervals import proportion
from ..trained_on import counts, describe, parts
from .agreement import BoxAgreement, agree
from .bootstrap import Interval, draw_images, interval, ratio_interval
from .detectors import DetectedImages, DetectorSubject, Threshold, best_scores, detect_all, threshold_in_use
from .label_mapping import BoxLabels, map_labels
from .measures import DetectorMeasures, measure
from .metrics import evaluate_boxes

if TYPE_CHECKING:
    import numpy.typing as npt

    Singles = npt.NDArray[np.float32]

log = Log("edgevision.evaluate")
SCHEMA = "edgevision.evaluate/1"
FEW_OBJECTS = 20
"""Number of objects of a class below which one object more or less moves its average precision by points."""


@dataclass(frozen=True, slots=True)
class BoxPictures:
    """The images that a detector is evaluated on."""

    data: BoxDataset
    images: tuple[AnnotatedImage, ...]
    """The images of the evaluated part."""
    split: str = "all"
    """Evaluated part: train, val, test or all."""
    names: dict[str, str] = field(default_factory=dict)
    """Other names for labels of the data, from a label map."""
    negatives: tuple[Item, ...] = ()
    """Images without any of the objects."""


@dataclass(frozen=True, slots=True)
class DetectorTrainedOn:
    """The images that made the detector; its results on them say little about new ones."""

    train: int
    val: int
    map50: float | None
    """Mean average precision at IoU 0.5 on them, 0..1."""
    counted_apart: bool
    """True if the other measures are of the other images only; False if there were no others."""

    def describe(self) -> str:
        """Return what the images are, such as ``80 images the model was trained on and 10 that chose its weights``."""
        return describe({"train": self.train, "val": self.val})

    def to_json(self) -> dict[str, Any]:
        """Return the fields as JSON values."""
        return {name: getattr(self, name) for name in ("train", "val", "counted_apart", "map50")}


@dataclass(frozen=True, slots=True, eq=False)
class DetectorComparison:
    """The other detector compared with the first on the same images."""

    agreement: Interval
    """Share of the boxes of both detectors with a partner: the same class and an IoU of 0.5."""
    boxes: BoxAgreement
    map50_change: Interval
    """mAP50 of the other detector minus that of the first, on the same images, -1..1."""
    map50_95_change: Interval

    def to_json(self) -> dict[str, Any]:
        """Return the fields that ``compare`` has in addition to the other detector's measures."""
        same, total = int(self.boxes.matched.sum()), int(self.boxes.total.sum())
        return {
            "agreement": {**self.agreement.to_json(), "same": same, "total": total},
            "map50_change_points": self.map50_change.to_json(100.0),
            "map50_95_change_points": self.map50_95_change.to_json(100.0),
        }


@dataclass(frozen=True, slots=True, eq=False)
class DetectorEvaluation:
    """The result of an evaluation. ``to_json`` returns all of it in a documented schema.

    ``measures.map50`` has ``value``, ``low`` and ``high`` (95 % confidence interval), 0..1.
    """

    pictures: BoxPictures
    """The images that were given."""
    images: tuple[AnnotatedImage, ...]
    """The n evaluated images."""
    skipped: tuple[Skipped, ...]
    """Skipped files, each with the reason."""
    fingerprint: str
    """sha256 of the n images and their boxes."""
    labels: BoxLabels
    """The measured classes."""
    subject: DetectorSubject
    """The detector."""
    measures: DetectorMeasures
    """All measures of the detector."""
    other: DetectorSubject | None
    """The detector it is compared with."""
    other_measures: DetectorMeasures | None
    """All measures of that detector."""
    comparison: DetectorComparison | None
    """Difference between the two detectors."""
    trained_on: DetectorTrainedOn | None
    """The images that the detector was trained on; None if none was given, or if it is not known."""
    false_alarms: false_positives.FalseAlarms | None
    """False positives on negatives; None without them."""
    notes: tuple[str, ...]
    """Remarks for the user."""
    seconds: float
    """Duration of the evaluation in seconds."""

    def to_json(self) -> dict[str, Any]:
        """Return the record in the schema ``edgevision.evaluate/1``."""
        data = {
            "path": str(self.pictures.data.path),
            "split": self.pictures.split,
            "fingerprint": self.fingerprint,
            "pictures": len(self.images),
            "skipped": [one.to_json() for one in self.skipped],
            "trained_on": self.trained_on.to_json() if self.trained_on else None,
        }
        return {
            "schema": SCHEMA,
            "model": self.subject.facts.to_json(),
            "data": data,
            **self._measures_json(0, self.subject, self.measures),
            "false_alarms": self.false_alarms.to_json() if self.false_alarms else None,
            "notes": list(self.notes),
            "seconds": round(self.seconds, 3),
            "versions": versions(),
            "compare": self._compare_json(),
        }

    def _measures_json(self, number: int, subject: DetectorSubject, measures: DetectorMeasures) -> dict[str, Any]:
        card = subject.detector.card
        return {
            "task": card.task,
            "labels": list(card.labels),
            "preprocessing": card.preprocessing.to_json(),
            **measures.to_json(self.labels.indices(number), self.labels.names, [image.path for image in self.images]),
        }

    def _compare_json(self) -> dict[str, Any] | None:
        if self.other is None or self.other_measures is None or self.comparison is None:
            return None
        return {
            "model": self.other.facts.to_json(),
            **self._measures_json(1, self.other, self.other_measures),
            **self.comparison.to_json(),
        }


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
    started = perf_counter()
    subjects = [subject] if other is None else [subject, other]
    labels = map_labels(subjects, given.data, given.names)
    detected = detect_all([one.detector for one in subjects], given.images, step)
    log.info("ran on %d images in %.1f s, %d not usable", len(detected.images), perf_counter() - started,
             len(detected.skipped))  # fmt: skip
    detected, known = _without_training_images(subjects, detected, given.data.labels)
    weights = draw_images(len(detected.images))
    measures = [_measure(number, one, labels, detected, threshold, weights) for number, one in enumerate(subjects)]
    negatives, unreadable = best_scores(subject.detector, given.negatives, lambda done: step(len(given.images) + done))
    trained_on = _trained_on(labels, known)
    return DetectorEvaluation(
        pictures=given,
        images=detected.images,
        skipped=(*given.data.skipped, *detected.skipped, *unreadable),
        fingerprint=detected.fingerprint(given.data.labels),
        labels=labels,
        subject=subject,
        measures=measures[0],
        other=other,
        other_measures=measures[1] if other else None,
        comparison=_compare(measures[0], measures[1], weights) if other else None,
        trained_on=trained_on,
        false_alarms=_false_alarms(negatives, measures[0].threshold),
        notes=(*labels.notes, *_warning(trained_on), *_small(measures[0])),
        seconds=perf_counter() - started,
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Known:
    """The images that made one of the detectors."""

    detected: DetectedImages
    parts: dict[str, int]
    counted_apart: bool


def _without_training_images(
    subjects: Sequence[DetectorSubject], detected: DetectedImages, labels: tuple[str, ...]
) -> tuple[DetectedImages, _Known | None]:
    """Return the images to measure on, and those that made a model; these are measured on only if there are no others."""
    known = [one.training_images for one in subjects]
    paths = [image.path for image in detected.images]
    found = parts(known, paths, detected.digests, detected.fingerprint(labels))
    fresh = [at for at, part in enumerate(found) if part is None]
    if len(fresh) == len(found):
        return detected, None
    apart = _Known(detected.only([at for at, part in enumerate(found) if part]), counts(found), bool(fresh))
    return (detected.only(fresh) if fresh else detected), apart


def _measure(
    number: int,
    subject: DetectorSubject,
    labels: BoxLabels,
    detected: DetectedImages,
    given: float | None,
    weights: Singles,
) -> DetectorMeasures:
    predictions = [labels.predicted(number, objects) for objects in detected.found[number]]
    truths = [labels.true(image) for image in detected.images]
    return measure(predictions, truths, labels.names, threshold_in_use(subject.detector.card, given), weights)


def _trained_on(labels: BoxLabels, known: _Known | None) -> DetectorTrainedOn | None:
    if known is None:
        return None
    predictions = [labels.predicted(0, objects) for objects in known.detected.found[0]]
    done = evaluate_boxes(predictions, [labels.true(image) for image in known.detected.images], labels.names)
    return DetectorTrainedOn(known.parts.get("train", 0), known.parts.get("val", 0), done.map50, known.counted_apart)


def _compare(first: DetectorMeasures, other: DetectorMeasures, weights: Singles) -> DetectorComparison:
    boxes = agree(first.predictions, other.predictions, (first.threshold.value, other.threshold.value))
    return DetectorComparison(
        ratio_interval(boxes.matched, boxes.total, weights),
        boxes,
        _change(first.map50, other.map50, other.resampled.map50 - first.resampled.map50),
        _change(first.map50_95, other.map50_95, other.resampled.map50_95 - first.resampled.map50_95),
    )


def _change(first: Interval, other: Interval, draws: npt.NDArray[np.float64]) -> Interval:
    if first.value is None or other.value is None:
        return Interval(None, None, None)
    return interval(other.value - first.value, draws)


def _false_alarms(best: list[float], threshold: Threshold) -> false_positives.FalseAlarms | None:
    rate = proportion(sum(score >= threshold.value for score in best), len(best))
    return false_positives.FalseAlarms(rate, threshold.value, threshold.origin) if rate else None


def _warning(found: DetectorTrainedOn | None) -> tuple[str, ...]:
    """Return what the user must know about the result."""
    if found is None:
        return ()
    if found.counted_apart:
        value = "without objects" if found.map50 is None else f"mAP50 {100 * found.map50:.1f} %"
        return (f"counted apart: {found.describe()} ({value}); the result is that of the other images",)
    return (f"only {found.describe()}: the result says little about new images; evaluate others, or --split test",)


def _small(measures: DetectorMeasures) -> tuple[str, ...]:
    """Return a note about classes whose average precision rests on few objects."""
    rare = [one.name for one in measures.metrics.per_class if 0 < one.objects < FEW_OBJECTS]
    return (f"fewer than {FEW_OBJECTS} objects of {', '.join(rare[:5])}{' ...' if len(rare) > 5 else ''}: "
            "its average precision is a rough figure",) if rare else ()  # fmt: skip
