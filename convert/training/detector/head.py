"""What a training needs to know about the head of a network: how it is validated, measured, recorded and described."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic

from edgevision.evaluation.detection.evaluate import DetectorEvaluation
from edgevision.evaluation.detection.evaluation import BoxPictures
from edgevision.evaluation.detection.metrics import OperatingPoint
from edgevision.evaluation.detection.points.evaluate import PointEvaluation
from edgevision.model_file.card import ModelCard
from edgevision.types import Task

from ..monitor.history import Row
from ..report.plots import Curve
from .examples import BoxExamples
from .object_network import ObjectNetwork


@dataclass(frozen=True, slots=True)
class ThresholdRule:
    """How the threshold of a model is chosen."""

    criterion: str
    """Why this one, for the card."""
    fallback: str
    """What happens without one, for the user: ``run reports objects from the default score on``."""
    uses_test: bool
    """Whether the test images help where validation images are few: only if what they measure needs no threshold."""

    @property
    def parts(self) -> tuple[str, ...]:
        """What images may choose it, for the user."""
        return ("validation", "test") if self.uses_test else ("validation",)


class Head(ABC, Generic[Row]):
    """One kind of output of a network, with the compiled network."""

    network: ObjectNetwork
    row: type[Row]
    """What a line of history.csv is."""
    phase: str
    """Name of the only phase."""
    product: str
    """What is trained, for the user: ``a detector``."""
    task: Task
    activation: str
    rule: ThresholdRule

    @abstractmethod
    def validated(self, examples: BoxExamples) -> dict[str, float | None]:
        """Return the columns of ``row`` that validation fills; None without images."""

    @abstractmethod
    def value(self, row: Row) -> float:
        """Return the validation measure that selects the weights, 0..1; 0 if it is not known."""

    @abstractmethod
    def best(self, parts: Sequence[BoxExamples]) -> OperatingPoint | None:
        """Return the threshold with the best F1 on images; None if nothing is found."""

    @abstractmethod
    def evaluate(
        self, card: ModelCard, model: Path, pictures: BoxPictures, step: Any
    ) -> DetectorEvaluation | PointEvaluation:
        """Evaluate the network as the file ``model`` on images; ``step`` receives the number done."""

    @abstractmethod
    def cells(self) -> dict[str, Any]:
        """Return the entry ``cells`` of the model card."""

    @abstractmethod
    def kept(self, row: Row) -> dict[str, Any]:
        """Return the validation of the kept epoch for the model card."""

    @abstractmethod
    def curves(self, history: Sequence[Row]) -> tuple[str, tuple[Curve, ...]]:
        """Return the name of the axis and the curves of the validation over the epochs."""

    @abstractmethod
    def describe(self) -> str:
        """Return what the network has besides its backbone, such as ``feature pyramid, one square anchor a cell``."""
