"""What the measures of all models that find objects have in common, whether as boxes or as points."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from .detectors import Threshold
from .errors import DetectionError, DetectionErrors, Kind
from .records import PredictedBoxes, TrueBoxes

if TYPE_CHECKING:
    from .bootstrap import Interval
    from .metrics import OperatingPoint

LISTED = 20
"""Number of errors of each kind that JSON lists."""
NO_OBJECTS = "no objects, or nothing was found"


class NamedInterval(NamedTuple):
    """A proportion with its confidence interval and the name that people know it by."""

    name: str
    value: Interval


class ClassTable(NamedTuple):
    """Measures of each class, formatted."""

    head: tuple[str, ...]
    rows: list[tuple[str, ...]]
    total: int
    """Number of classes that have objects; there may be fewer rows."""
    order: str
    """Which classes come first, and are shown if there are too many: ``lowest AP50``."""
    note: str
    """What the columns mean."""


class ErrorWords(NamedTuple):
    """What is said about errors."""

    kinds: tuple[Kind, ...]
    """The kinds that can occur."""
    unit: str
    """What is counted: boxes or points."""
    rule: str
    """When a find counts, as a clause."""
    measured: str
    """What is measured of a class."""


class NamedClass(Protocol):
    """Measures of one class."""

    @property
    def name(self) -> str:
        """Its name."""

    @property
    def objects(self) -> int:
        """Number of its objects that count."""


class ObjectMetrics(Protocol):
    """Counts of a model's finds on n images."""

    @property
    def images(self) -> int:
        """Number of images."""

    @property
    def objects(self) -> int:
        """Number of objects that count."""

    @property
    def best(self) -> OperatingPoint | None:
        """The threshold with the best F1 over the finds of all classes."""

    @property
    def per_class(self) -> Sequence[NamedClass]:
        """Measures of each class."""


@dataclass(frozen=True, slots=True, eq=False)
class ObjectMeasures(ABC):
    """All measures of one model that finds objects."""

    metrics: ObjectMetrics
    predictions: tuple[PredictedBoxes, ...]
    """What it found in each image, in the measured classes."""
    truths: tuple[TrueBoxes, ...]
    threshold: Threshold
    """The score from which objects count."""
    operating: OperatingPoint | None
    """Precision and recall at that threshold; None without objects."""
    errors: DetectionErrors
    """The errors at that threshold."""

    @abstractmethod
    def scores(self) -> tuple[NamedInterval, ...]:
        """Return the measures of the whole model, 0..1, the most important first."""

    @abstractmethod
    def counting(self) -> str:
        """Return how well objects are counted, as text; empty if it is not measured."""

    @abstractmethod
    def class_table(self, limit: int) -> ClassTable:
        """Return the measures of at most ``limit`` classes."""

    @property
    @abstractmethod
    def words(self) -> ErrorWords:
        """What is said about the errors."""

    @abstractmethod
    def to_json(self, indices: Sequence[int], names: Sequence[str], paths: Sequence[str]) -> dict[str, Any]:
        """Return the measures of ``edgevision.evaluate/1``.

        ``indices``: the model's class of each measured class; ``paths``: paths of the n images.
        """

    def threshold_json(self, criterion: str) -> dict[str, Any]:
        """Return the thresholds as JSON; ``criterion``: why one is suggested."""
        best, used = self.metrics.best, self.operating
        return {
            "suggested": best.threshold if best else None,
            "criterion": criterion if best else NO_OBJECTS,
            "precision": best.precision if best else None,
            "recall": best.recall if best else None,
            "used": self.threshold.value,
            "used_from": self.threshold.origin,
            "used_precision": used.precision if used else None,
            "used_recall": used.recall if used else None,
        }

    def errors_json(self, indices: Sequence[int], names: Sequence[str], paths: Sequence[str]) -> dict[str, Any]:
        """Return the errors as JSON; the arguments are those of ``to_json``."""
        listed = [one for kind in self.words.kinds for one in self.errors.of(kind)[:LISTED]]
        return {
            "threshold": self.errors.threshold,
            "correct": self.errors.correct,
            **self.errors.counts(),
            "listed": [_error_json(one, indices, names, paths) for one in listed],
        }


def _error_json(
    one: DetectionError, indices: Sequence[int], names: Sequence[str], paths: Sequence[str]
) -> dict[str, Any]:
    return {
        "kind": one.kind,
        "path": paths[one.image],
        "score": None if one.score is None else round(one.score, 6),
        "predicted": None if one.predicted is None else {"index": indices[one.predicted], "name": names[one.predicted]},
        "box": None if one.box is None else list(one.box),
        "true": None if one.true is None else {"index": indices[one.true], "name": names[one.true]},
        "true_box": None if one.true_box is None else list(one.true_box),
    }
