"""Detectors that are evaluated, and their predictions on images."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from ...datasets.boxes.records import AnnotatedImage, fingerprint
from ...datasets.dataset import Skipped
from ...datasets.training_images import TrainingImages, training_images
from ...errors import BadInput
from ...model_file.card import ModelCard
from ...postprocessing import detection, points
from ..reading import Source, read_ahead
from ..scorers import EvaluatedModel

if TYPE_CHECKING:
    from ...types import Detection, Frame, Prediction
    from ..scorers import ModelFacts

MIN_SCORE = 0.001
"""Score from which predictions are measured: far below any threshold in use, so that the curves reach their highest recall."""


@runtime_checkable
class Detector(EvaluatedModel, Protocol):
    """A model that finds objects, such as ``edgevision.Model``."""

    def predict(self, image: Frame, top: int = ..., threshold: float | None = ...) -> Prediction:
        """Return the objects with scores of at least ``threshold``; boxes are in pixels of the image."""
        ...


@dataclass(frozen=True, slots=True)
class DetectorSubject:
    """A detector to evaluate."""

    detector: Detector
    facts: ModelFacts
    split_file: Path | None = None
    """The split.csv beside the model, which lists the images of its training."""

    @property
    def training_images(self) -> TrainingImages:
        """What is known of the images that made the model."""
        return training_images(self.detector.card, self.split_file)


@dataclass(frozen=True, slots=True)
class Threshold:
    """The score from which a detector's objects count, 0..1."""

    value: float
    origin: str
    """given, card or default."""


def threshold_in_use(card: ModelCard, given: float | None) -> Threshold:
    """Return the given threshold, else that of the model card, else that of ``edgevision run``."""
    if given is not None:
        return Threshold(given, "given")
    usual = points.DEFAULT_THRESHOLD if card.task == "points" else detection.DEFAULT_THRESHOLD
    return Threshold(usual, "default") if card.threshold is None else Threshold(card.threshold, "card")


@dataclass(frozen=True, slots=True, eq=False)
class DetectedImages:
    """The objects that detectors found in a set of images."""

    images: tuple[AnnotatedImage, ...]
    """The n images that could be read."""
    found: tuple[tuple[tuple[Detection, ...], ...], ...]
    """For each detector and image the objects, best first."""
    digests: tuple[str, ...]
    """sha256 of each file."""
    skipped: tuple[Skipped, ...]

    def fingerprint(self, labels: tuple[str, ...]) -> str:
        """Return the sha256 of the images and their boxes; ``labels``: of the data set."""
        return fingerprint(zip(self.digests, self.images, strict=True), labels)

    def only(self, kept: Sequence[int]) -> DetectedImages:
        """Return the images with these positions."""
        return DetectedImages(
            tuple(self.images[at] for at in kept),
            tuple(tuple(objects[at] for at in kept) for objects in self.found),
            tuple(self.digests[at] for at in kept),
            self.skipped,
        )


def detect_all(
    detectors: Sequence[Detector], images: Sequence[AnnotatedImage], step: Callable[[int], None] = lambda done: None
) -> DetectedImages:
    """Run every detector on every image. ``step`` receives the number done. Raises BadInput, BadModel, EngineError."""
    kept, digests, skipped, found = _detect(detectors, images, step)
    if images and not kept:
        raise BadInput(f"none of the {len(images)} images can be read: {skipped[0].path}: {skipped[0].reason}")
    return DetectedImages(tuple(kept), found, tuple(digests), tuple(skipped))


def best_scores(
    detector: Detector, negatives: Sequence[Source], step: Callable[[int], None]
) -> tuple[list[float], tuple[Skipped, ...]]:
    """Return the score of the best object in each image that can be read, 0 without one, and the other images."""
    _, _, skipped, found = _detect([detector], negatives, step)
    return [objects[0].score if objects else 0.0 for objects in found[0]], tuple(skipped)


def _detect(
    detectors: Sequence[Detector], images: Sequence[Source], step: Callable[[int], None]
) -> tuple[list[Source], list[str], list[Skipped], tuple[tuple[tuple[Detection, ...], ...], ...]]:
    kept: list[Source] = []
    digests: list[str] = []
    skipped: list[Skipped] = []
    found: list[list[tuple[Detection, ...]]] = [[] for _ in detectors]
    for one in read_ahead(images, skipped):
        for detector, objects in zip(detectors, found, strict=True):
            objects.append(detector.predict(one.frame, threshold=MIN_SCORE).objects)
        kept.append(one.item)
        digests.append(one.digest)
        step(len(kept) + len(skipped))
    return kept, digests, skipped, tuple(map(tuple, found))
