"""What models found in the images of an evaluation; images that made a model are counted apart."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING, Any

from ...log import Log
from .. import false_positives
from ..intervals import proportion
from ..trained_on import counts, parts
from .bootstrap import draw_images
from .detectors import DetectedImages, DetectorSubject, Threshold, best_scores, detect_all, threshold_in_use
from .evaluation import BoxPictures, DetectorTrainedOn
from .label_mapping import BoxLabels, map_labels
from .object_measures import ObjectMeasures
from .records import PredictedBoxes, TrueBoxes

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Singles = npt.NDArray[np.float32]

log = Log("edgevision.evaluate")
FEW_OBJECTS = 20
"""Number of objects of a class below which one object more or less moves its measures by points."""


@dataclass(frozen=True, slots=True, eq=False)
class TrainingPart:
    """The images that made one of the models, and what the first model found in them."""

    counts: dict[str, int]
    """Number of images by part: train, val."""
    predictions: list[PredictedBoxes]
    truths: list[TrueBoxes]
    counted_apart: bool

    def record(self, measure: str, value: float | None) -> DetectorTrainedOn:
        """Return the record of these images; ``value``: of the measure on them."""
        found = self.counts
        return DetectorTrainedOn(found.get("train", 0), found.get("val", 0), value, self.counted_apart, measure)


@dataclass(frozen=True, slots=True, eq=False)
class PredictedImages:
    """What one or two models found in the images to measure on."""

    subjects: tuple[DetectorSubject, ...]
    given: BoxPictures
    labels: BoxLabels
    detected: DetectedImages
    weights: Singles
    """Resampled sets of the images, by ``draw_images``."""
    training: TrainingPart | None
    negatives: tuple[float, ...]
    """Score of the best find of the first model in each of the negatives."""
    skipped: tuple[Any, ...]
    started: float

    def predictions(self, number: int = 0) -> list[PredictedBoxes]:
        """Return what a model found in each image, in the measured classes."""
        return [self.labels.predicted(number, objects) for objects in self.detected.found[number]]

    def truths(self) -> list[TrueBoxes]:
        """Return the objects of each image, of the measured classes."""
        return [self.labels.true(image) for image in self.detected.images]

    def threshold(self, number: int, given: float | None) -> Threshold:
        """Return the score from which the objects of a model count."""
        return threshold_in_use(self.subjects[number].detector.card, given)

    def fields(self, measures: ObjectMeasures, trained_on: DetectorTrainedOn | None) -> dict[str, Any]:
        """Return the fields of an evaluation that do not depend on what is measured."""
        notes = (*self.labels.notes, *_warning(trained_on), *_small(measures))
        return {
            "pictures": self.given,
            "images": self.detected.images,
            "skipped": self.skipped,
            "fingerprint": self.detected.fingerprint(self.given.data.labels),
            "labels": self.labels,
            "subject": self.subjects[0],
            "other": self.subjects[1] if len(self.subjects) > 1 else None,
            "trained_on": trained_on,
            "false_alarms": _false_alarms(self.negatives, measures.threshold),
            "notes": notes,
            "seconds": perf_counter() - self.started,
        }


def predict_all(
    subjects: Sequence[DetectorSubject], given: BoxPictures, step: Callable[[int], None]
) -> PredictedImages:
    """Run the models on all images and the first one on the negatives. Raises BadInput, BadModel, EngineError."""
    started = perf_counter()
    labels = map_labels(subjects, given.data, given.names)
    every = detect_all([one.detector for one in subjects], given.images, step)
    log.info("ran on %d images in %.1f s, %d not usable", len(every.images), perf_counter() - started,
             len(every.skipped))  # fmt: skip
    detected, training = _without_training_images(subjects, every, given.data.labels, labels)
    best, unreadable = best_scores(subjects[0].detector, given.negatives, lambda done: step(len(given.images) + done))
    skipped = (*given.data.skipped, *detected.skipped, *unreadable)
    weights = draw_images(len(detected.images))
    return PredictedImages(tuple(subjects), given, labels, detected, weights, training, tuple(best), skipped, started)


def _without_training_images(
    subjects: Sequence[DetectorSubject], detected: DetectedImages, names: tuple[str, ...], labels: BoxLabels
) -> tuple[DetectedImages, TrainingPart | None]:
    """Return the images to measure on, and those that made a model; these are measured on only if there are no others."""
    known = [one.training_images for one in subjects]
    paths = [image.path for image in detected.images]
    found = parts(known, paths, detected.digests, detected.fingerprint(names))
    fresh = [at for at, part in enumerate(found) if part is None]
    if len(fresh) == len(found):
        return detected, None
    used = detected.only([at for at, part in enumerate(found) if part])
    predictions = [labels.predicted(0, objects) for objects in used.found[0]]
    apart = TrainingPart(counts(found), predictions, [labels.true(image) for image in used.images], bool(fresh))
    return (detected.only(fresh) if fresh else detected), apart


def _false_alarms(best: Sequence[float], threshold: Threshold) -> false_positives.FalseAlarms | None:
    rate = proportion(sum(score >= threshold.value for score in best), len(best))
    return false_positives.FalseAlarms(rate, threshold.value, threshold.origin) if rate else None


def _warning(found: DetectorTrainedOn | None) -> tuple[str, ...]:
    """Return what the user must know about the result."""
    if found is None:
        return ()
    if found.counted_apart:
        value = "without objects" if found.value is None else f"{found.measure} {100 * found.value:.1f} %"
        return (f"counted apart: {found.describe()} ({value}); the result is that of the other images",)
    return (f"only {found.describe()}: the result says little about new images; evaluate others, or --split test",)


def _small(measures: ObjectMeasures) -> tuple[str, ...]:
    """Return a note about classes whose measures rest on few objects."""
    rare = [one.name for one in measures.metrics.per_class if 0 < one.objects < FEW_OBJECTS]
    return (f"fewer than {FEW_OBJECTS} objects of {', '.join(rare[:5])}{' ...' if len(rare) > 5 else ''}: "
            f"its {measures.words.measured} is a rough figure",) if rare else ()  # fmt: skip
