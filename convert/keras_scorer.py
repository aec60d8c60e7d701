"""Scores of a Keras model for ``edgevision evaluate``, on the same images and with the same metrics as a .tflite."""

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
from .source_model.preprocessing_options import ColorOrder, PreprocessingOptions
from .source_model.source_model import labels_for
from .source_model.trial_load import load_safely

if TYPE_CHECKING:
    import numpy.typing as npt

    Scores = npt.NDArray[np.float32]


class KerasScorer:
    """A .keras, .h5 or SavedModel classifier, opened as in a conversion: scanned first, with inferred preprocessing."""

    def __init__(
        self,
        path: Path,
        mean: tuple[float, ...] | None = None,
        std: tuple[float, ...] | None = None,
        order: ColorOrder | None = None,
        image_size: int | None = None,
    ) -> None:
        """Scan and load the model; mean, std, order and image_size as for a conversion.

        Raises MissingFile, BadModel, BadInput, ModuleNotFoundError.
        """
        loaded = load_safely(scan(path, LoadOptions(image_size=image_size)))
        found = loaded.scan
        answer = infer_task(found.config, loaded.outputs, found.training)
        shape = (loaded.height, loaded.width, loaded.channels)
        given = PreprocessingOptions(mean=mean, std=std, order=order)
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
