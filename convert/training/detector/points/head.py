"""The head that finds points."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from edgevision.evaluation.detection.evaluation import BoxPictures
from edgevision.evaluation.detection.metrics import OperatingPoint
from edgevision.evaluation.detection.points.evaluate import PointEvaluation, evaluate_points, point_subject
from edgevision.evaluation.detection.points.metrics import evaluate_point_boxes
from edgevision.evaluation.scorers import facts
from edgevision.files.atomic import sha256
from edgevision.model_file.card import ModelCard
from edgevision.postprocessing.points import DEFAULT_THRESHOLD
from edgevision.types import Task

from ...monitor.history import PointEpoch
from ...report.plots import Curve
from ..examples import BoxExamples
from ..head import Head, ThresholdRule
from .keras_points import KerasPoints
from .network import PointNetwork
from .predict import forward, predict


class PointHead(Head[PointEpoch]):
    """Classes of the cells of one grid, validated by the best F1 over all thresholds."""

    row = PointEpoch
    phase = "points"
    product = "a detector of points"
    task: Task = "points"
    activation = "softmax"
    rule = ThresholdRule("best F1 of points", f"points count from a score of {DEFAULT_THRESHOLD:g} on", uses_test=False)

    def __init__(self, network: PointNetwork) -> None:
        """Compile the network."""
        self.network: PointNetwork = network
        self._run = forward(network.infer, network.input_shape)

    def validated(self, examples: BoxExamples) -> dict[str, float | None]:
        """Return the best F1."""
        if not len(examples):
            return {"val_f1": None}
        best = self.best([examples])
        return {"val_f1": best.f1 if best else 0.0}

    def value(self, row: PointEpoch) -> float:
        """Return the best F1."""
        return row.val_f1 or 0.0

    def best(self, parts: Sequence[BoxExamples]) -> OperatingPoint | None:
        """Return the threshold with the best F1."""
        predictions = [one for part in parts for one in predict(self._run, part)]
        truths = [one for part in parts for one in part.true_boxes()]
        return evaluate_point_boxes(predictions, truths, self.network.classes, DEFAULT_THRESHOLD).best

    def evaluate(self, card: ModelCard, model: Path, pictures: BoxPictures, step: Any) -> PointEvaluation:
        """Evaluate the network as the file ``model``."""
        side = self.network.choice.image_size // self.network.cell
        found = KerasPoints(self.network.infer, (side, side), card, sha256(model))
        return evaluate_points(point_subject(found, facts(model, found)), pictures, step=step)

    def cells(self) -> dict[str, Any]:
        """Return the side of a cell."""
        return {"strides": [self.network.cell]}

    def kept(self, row: PointEpoch) -> dict[str, Any]:
        """Return the best F1."""
        return {"val_f1": row.val_f1}

    def curves(self, history: Sequence[PointEpoch]) -> tuple[str, tuple[Curve, ...]]:
        """Return the curve of the best F1."""
        return "validation F1, %", (Curve("F1", [row.val_f1 for row in history]),)

    def describe(self) -> str:
        """Return what the network has besides its backbone."""
        return f"cut at cells of {self.network.cell} pixels, one class a cell"
