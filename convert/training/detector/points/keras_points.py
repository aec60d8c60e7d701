"""A Keras network that finds points, for evaluations: its points in images, decoded as those of a .tflite."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from edgevision.model_file.card import ModelCard
from edgevision.postprocessing.points import PointsDecoder
from edgevision.preprocessing.transform import pixels
from edgevision.tflite.outputs import OutputFacts
from edgevision.types import Frame, Prediction, TensorSpec

from ...input.batches import real_values
from .predict import forward


class KerasPoints:
    """A network that ``edgevision train --head points`` made."""

    def __init__(self, call: Callable[[Any], Any], grid: tuple[int, int], card: ModelCard, sha256: str = "") -> None:
        """Compile the network.

        ``call``: from normalized images (b, height, width, channels) to the scores of the cells; ``grid``: number of rows
        and columns; ``sha256``: of its file.
        """
        self.card, self.sha256 = card, sha256
        self._rule = card.preprocessing
        shape = (self._rule.height, self._rule.width, self._rule.channels)
        self.inputs = (TensorSpec("image", (1, *shape), "float32"),)
        self.outputs = (TensorSpec("cells", (1, *grid, 1 + len(card.labels)), "float32"),)
        self.choice = None
        self._run = forward(call, shape)
        self._decoder = PointsDecoder(card, self.outputs, OutputFacts())

    def predict(self, image: Frame, top: int = 5, threshold: float | None = None) -> Prediction:
        """Return the points with scores of at least ``threshold``, in pixels of the image."""
        batch = pixels(image, self._rule)[np.newaxis]
        scores = self._run(real_values(batch, self._rule)).numpy()
        return self._decoder.decode([scores], (image.width, image.height), top, threshold)
