"""A detector that is a Keras network, for evaluations: its objects in images, decoded as those of a .tflite."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from edgevision.model_file.card import ModelCard
from edgevision.postprocessing.detection import DetectionDecoder
from edgevision.preprocessing.transform import pixels
from edgevision.tflite.outputs import OutputFacts
from edgevision.types import Frame, Prediction, TensorSpec

from ...keras_files.detector_cells import CellGrid
from ..input.batches import real_values
from .predict import MAX_BOXES, forward, select

if TYPE_CHECKING:
    from edgevision.evaluation.detection.records import PredictedBoxes

_SPECS = (
    TensorSpec("boxes", (1, MAX_BOXES, 4), "float32"),
    TensorSpec("classes", (1, MAX_BOXES), "float32"),
    TensorSpec("scores", (1, MAX_BOXES), "float32"),
    TensorSpec("count", (1,), "float32"),
)
"""The outputs of TFLite_Detection_PostProcess."""


class KerasDetector:
    """A network that ``edgevision train`` made."""

    def __init__(self, call: Callable[[Any], Any], grid: CellGrid, card: ModelCard, sha256: str = "") -> None:
        """Compile the network.

        ``call``: from normalized images (b, height, width, channels) to encoded boxes and scores; ``sha256``: of its file.
        """
        self.card, self.sha256 = card, sha256
        self._rule = card.preprocessing
        shape = (self._rule.height, self._rule.width, self._rule.channels)
        self.inputs = (TensorSpec("image", (1, *shape), "float32"),)
        self.choice = None
        self._run = forward(call, shape, grid)
        self._decoder = DetectionDecoder(card, _SPECS, OutputFacts(operator_outputs=(0, 1, 2, 3)))

    def predict(self, image: Frame, top: int = 5, threshold: float | None = None) -> Prediction:
        """Return the objects with scores of at least ``threshold``; boxes are in pixels of the image."""
        batch = pixels(image, self._rule)[np.newaxis]
        boxes, scores = self._run(real_values(batch, self._rule))
        found = select(boxes.numpy()[0], scores.numpy()[0])
        return self._decoder.decode(
            _as_outputs(found, self.inputs[0].shape), (image.width, image.height), top, threshold
        )


def _as_outputs(found: PredictedBoxes, shape: tuple[int, ...]) -> list[np.ndarray]:
    """Return boxes as the operator returns them: top, left, bottom, right, 0..1 of the input."""
    count = len(found.scores)
    outputs = [np.zeros(spec.shape, np.float32) for spec in _SPECS]
    size = np.asarray([shape[1], shape[2], shape[1], shape[2]], np.float32)
    outputs[0][0, :count] = found.boxes[:, [1, 0, 3, 2]] / size
    outputs[1][0, :count] = found.classes
    outputs[2][0, :count] = found.scores
    outputs[3][0] = count
    return outputs
