"""Models that find points, seen as detectors: each point is a box of one cell around it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from ....preprocessing.geometry import plan
from ....types import Detection, Prediction
from ...scorers import EvaluatedModel

if TYPE_CHECKING:
    from ....engines.protocol import EngineChoice
    from ....model_file.card import ModelCard
    from ....types import Frame, Point, TensorSpec


@runtime_checkable
class PointModel(EvaluatedModel, Protocol):
    """A model that finds points, such as ``edgevision.Model``."""

    @property
    def outputs(self) -> Sequence[TensorSpec]:
        """The only output is the grid of cells (1, rows, columns, 1 + classes)."""
        ...

    def predict(self, image: Frame, top: int = ..., threshold: float | None = ...) -> Prediction:
        """Return the points with scores of at least ``threshold``, in pixels of the image."""
        ...


class PointsAsBoxes:
    """A detector whose boxes are one cell around each point."""

    def __init__(self, model: PointModel) -> None:
        self._model = model
        self.card: ModelCard = model.card
        self.sha256 = model.sha256

    @property
    def inputs(self) -> Sequence[TensorSpec]:
        """The model's inputs."""
        return self._model.inputs

    @property
    def choice(self) -> EngineChoice | None:
        """The engine that runs a .tflite."""
        return self._model.choice

    def predict(self, image: Frame, top: int = 5, threshold: float | None = None) -> Prediction:
        """Return the points as boxes, in pixels of the image."""
        found = self._model.predict(image, threshold=threshold).points
        width, height = self._cell(image.width, image.height)
        return Prediction("detection", objects=tuple(_box(point, width / 2, height / 2) for point in found))

    def _cell(self, width: int, height: int) -> tuple[float, float]:
        """Return width and height of a cell in pixels of an image of this size."""
        preprocessing = self.card.preprocessing
        rows, columns = self._model.outputs[0].shape[1:3]
        geometry = plan(width, height, preprocessing)
        left, top = geometry.to_frame(0.0, 0.0)
        right, bottom = geometry.to_frame(preprocessing.width / columns, preprocessing.height / rows)
        return right - left, bottom - top


def _box(point: Point, half_width: float, half_height: float) -> Detection:
    x, y = point.x, point.y
    return Detection(
        point.index, point.name, point.score, (x - half_width, y - half_height, x + half_width, y + half_height)
    )
