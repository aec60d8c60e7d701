"""Records of the evaluation of a model that finds objects, whether as boxes or as points."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import Any

from ...datasets.boxes.records import AnnotatedImage, BoxDataset
from ...datasets.dataset import Item, Skipped
from ...files.run_folder import versions
from .. import false_positives
from ..trained_on import describe
from .agreement import BoxAgreement
from .bootstrap import Interval
from .detectors import DetectorSubject
from .formatting import with_interval
from .label_mapping import BoxLabels
from .object_measures import ObjectMeasures

SCHEMA = "edgevision.evaluate/1"


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
    value: float | None
    """The most important measure on them, 0..1: mAP50, or F1 of points."""
    counted_apart: bool
    """True if the other measures are of the other images only; False if there were no others."""
    measure: str = "mAP50"
    """Name of that measure."""

    def describe(self) -> str:
        """Return what the images are, such as ``80 images the model was trained on and 10 that chose its weights``."""
        return describe({"train": self.train, "val": self.val})

    def to_json(self) -> dict[str, Any]:
        """Return the fields as JSON values."""
        known = {name: getattr(self, name) for name in ("train", "val", "counted_apart")}
        return {**known, self.measure.lower(): self.value}


@dataclass(frozen=True, slots=True, eq=False)
class ObjectComparison(ABC):
    """Another model compared with the first on the same images."""

    agreement: Interval
    """Share of the finds of both models with a partner: the same class at the same place."""
    boxes: BoxAgreement
    """These finds; those of points are one cell wide."""

    @property
    @abstractmethod
    def drop(self) -> Interval | None:
        """The most important measure of the first model minus that of the other, -1..1; None without objects."""

    @property
    @abstractmethod
    def unit(self) -> str:
        """What a find is: boxes or points."""

    @property
    @abstractmethod
    def note(self) -> str:
        """When two finds are the same, as a sentence."""

    @abstractmethod
    def differences(self) -> list[tuple[str, str]]:
        """Return the differences of the measures by name, formatted."""

    @abstractmethod
    def differences_json(self) -> dict[str, Any]:
        """Return the differences of the measures as JSON values."""

    def changes(self) -> list[tuple[str, str]]:
        """Return the agreement and the differences by name, formatted."""
        same = f"{int(self.boxes.matched.sum())} of {int(self.boxes.total.sum())} {self.unit}"
        said = f"{with_interval(self.agreement)}, {same}" if self.agreement.value is not None else ""
        return [(f"same {self.unit}", said or "neither found anything"), *self.differences()]

    def to_json(self) -> dict[str, Any]:
        """Return the fields that ``compare`` has in addition to the other model's measures."""
        same, total = int(self.boxes.matched.sum()), int(self.boxes.total.sum())
        return {"agreement": {**self.agreement.to_json(), "same": same, "total": total}, **self.differences_json()}


def opposite(value: Interval) -> Interval | None:
    """Return a difference the other way round; None if it is not known."""
    if value.value is None or value.low is None or value.high is None:
        return None
    return Interval(-value.value, -value.high, -value.low)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class ObjectEvaluation:
    """The result of an evaluation. ``to_json`` returns all of it in a documented schema."""

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
    """The model."""
    measures: ObjectMeasures
    """All measures of the model."""
    other: DetectorSubject | None
    """The model it is compared with."""
    other_measures: ObjectMeasures | None
    """All measures of that model."""
    comparison: ObjectComparison | None
    """Difference between the two models."""
    trained_on: DetectorTrainedOn | None
    """The images that the model was trained on; None if none was given, or if it is not known."""
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

    def _measures_json(self, number: int, subject: DetectorSubject, measures: ObjectMeasures) -> dict[str, Any]:
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
