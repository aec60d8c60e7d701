"""Scores of a Keras classifier, or objects or points of a Keras detector, for ``edgevision evaluate``, as those of a .tflite."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from edgevision.model_file.card import ModelCard
from edgevision.postprocessing import classification
from edgevision.preprocessing.transform import pixels
from edgevision.types import Frame, TensorSpec

from . import backend
from .keras_files.load_options import LoadOptions
from .keras_files.scan import scan
from .source_model.float_model import make_float_model
from .source_model.infer_preprocessing import infer_preprocessing
from .source_model.infer_task import infer_task
from .source_model.load import LoadedModel
from .source_model.preprocessing_options import ColorOrder, PreprocessingOptions
from .source_model.source_model import detector_grid, labels_for, point_grid
from .source_model.trial_load import load_safely
from .training.detector.keras_detector import KerasDetector
from .training.detector.points.keras_points import KerasPoints

if TYPE_CHECKING:
    import numpy.typing as npt

    Scores = npt.NDArray[np.float32]


def open_keras(
    path: Path,
    mean: tuple[float, ...] | None = None,
    std: tuple[float, ...] | None = None,
    order: ColorOrder | None = None,
    image_size: int | None = None,
) -> KerasScorer | KerasDetector | KerasPoints:
    """Scan and load a classifier or a detector; mean, std, order and image_size as for a conversion.

    Raises MissingFile, BadModel, BadInput, ModuleNotFoundError.
    """
    loaded = load_safely(scan(path, LoadOptions(image_size=image_size)))
    given = PreprocessingOptions(mean=mean, std=std, order=order)
    grid = detector_grid(loaded)
    cells = point_grid(loaded)
    if grid is None and cells is None:
        return KerasScorer(loaded, path, given)
    found = loaded.scan
    shape = (loaded.height, loaded.width, loaded.channels)
    model = make_float_model(loaded, infer_preprocessing(found.config, shape, loaded.outputs, found.card, given))
    assert found.card is not None  # it describes the cells
    card = found.card.with_(preprocessing=model.preprocessing)
    if grid is not None:
        return KerasDetector(model.call, grid, card, found.sha256())
    assert cells is not None
    return KerasPoints(model.call, cells, card, found.sha256())


class KerasScorer:
    """A .keras, .h5 or SavedModel classifier, opened as in a conversion: scanned first, with inferred preprocessing."""

    def __init__(self, loaded: LoadedModel, path: Path, given: PreprocessingOptions) -> None:
        """Prepare a loaded model. Raises BadModel, BadInput."""
        found = loaded.scan
        answer = infer_task(found.config, loaded.outputs, found.training)
        shape = (loaded.height, loaded.width, loaded.channels)
        model = make_float_model(loaded, infer_preprocessing(found.config, shape, loaded.outputs, found.card, given))
        labels, _ = labels_for(None, found.card, answer.classes)
        plain = ModelCard(path.stem, answer.task, model.preprocessing, labels, answer.activation)
        known = found.card
        self.card = plain if known is None else known.with_(preprocessing=model.preprocessing, labels=labels)
        self.sha256 = found.sha256()
        """sha256 of the model file, or of the files of a folder."""
        self.inputs = (TensorSpec("image", (1, *model.shape), "float32"),)
        self.choice = None
        self._normalize = model.normalize
        tf = backend.tensorflow()
        spec = tf.TensorSpec((None, *model.shape), tf.float32)
        self._run = tf.function(model.call, autograph=False, input_signature=[spec])
        self._output = TensorSpec("scores", (1, loaded.outputs), "float32")

    def scores(self, frame: Frame) -> Scores:
        """Return the scores 0..1 of all classes, (classes,)."""
        found: Scores = self.scores_batch([frame])[0]
        return found

    def scores_batch(self, frames: Sequence[Frame]) -> Scores:
        """Return the scores 0..1 of all classes, (frames, classes)."""
        tf = backend.tensorflow()
        batch = np.stack([pixels(frame, self.card.preprocessing) for frame in frames])
        outputs = self._run(tf.constant(self._normalize(batch))).numpy()
        return np.stack([classification.scores(row, self._output, self.card.activation) for row in outputs])
