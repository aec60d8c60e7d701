"""The head that finds boxes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from edgevision.evaluation.detection.detectors import DetectorSubject
from edgevision.evaluation.detection.evaluate import DetectorEvaluation, evaluate_detectors
from edgevision.evaluation.detection.evaluation import BoxPictures
from edgevision.evaluation.detection.metrics import DetectionMetrics, OperatingPoint, evaluate_boxes
from edgevision.evaluation.scorers import facts
from edgevision.files.atomic import sha256
from edgevision.model_file.card import ModelCard
from edgevision.types import Task

from ..monitor.history import DetectorEpoch
from ..report.plots import Curve
from .examples import BoxExamples
from .head import Head, ThresholdRule
from .keras_detector import KerasDetector
from .network import DetectorNetwork
from .predict import forward, predict


class BoxHead(Head[DetectorEpoch]):
    """Boxes on a feature pyramid, validated by mean average precision."""

    row = DetectorEpoch
    phase = "detector"
    product = "a detector"
    task: Task = "detection"
    activation = "sigmoid"
    rule = ThresholdRule("best F1 at IoU 0.5", "run reports objects from the default score on", uses_test=True)

    def __init__(self, network: DetectorNetwork) -> None:
        """Compile the network."""
        self.network: DetectorNetwork = network
        self._run = forward(network.infer, network.input_shape, network.grid)

    def validated(self, examples: BoxExamples) -> dict[str, float | None]:
        """Return mAP50 and mAP50:95."""
        if not len(examples):
            return {"val_map50": None, "val_map50_95": None}
        found = self._measured([examples])
        return {"val_map50": found.map50, "val_map50_95": found.map50_95}

    def value(self, row: DetectorEpoch) -> float:
        """Return mAP50:95."""
        return row.val_map50_95 or 0.0

    def best(self, parts: Sequence[BoxExamples]) -> OperatingPoint | None:
        """Return the threshold with the best F1 at an IoU of 0.5."""
        return self._measured(parts).best

    def evaluate(self, card: ModelCard, model: Path, pictures: BoxPictures, step: Any) -> DetectorEvaluation:
        """Evaluate the network as the file ``model``."""
        detector = KerasDetector(self.network.infer, self.network.grid, card, sha256(model))
        return evaluate_detectors(DetectorSubject(detector, facts(model, detector)), pictures, step=step)

    def cells(self) -> dict[str, Any]:
        """Return the cells and their anchors."""
        return self.network.grid.to_json()

    def kept(self, row: DetectorEpoch) -> dict[str, Any]:
        """Return the mean average precisions."""
        return {"val_map50": row.val_map50, "val_map50_95": row.val_map50_95}

    def curves(self, history: Sequence[DetectorEpoch]) -> tuple[str, tuple[Curve, ...]]:
        """Return the curves of mAP50 and mAP50:95."""
        named = (("mAP50", "val_map50"), ("mAP50:95", "val_map50_95"))
        return "validation mAP, %", tuple(Curve(name, [getattr(row, key) for row in history]) for name, key in named)

    def describe(self) -> str:
        """Return what the network has besides its backbone."""
        return "feature pyramid, one square anchor a cell"

    def _measured(self, parts: Sequence[BoxExamples]) -> DetectionMetrics:
        """Evaluate the network on images, in pixels of its input."""
        predictions = [one for part in parts for one in predict(self._run, part)]
        return evaluate_boxes(predictions, [one for part in parts for one in part.true_boxes()], self.network.classes)
