"""What the finished model answers for its calibration images: with it a device notices that its camera sees something else."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from edgevision.model import open_model
from edgevision.model_file import model_file
from edgevision.model_file.card import DriftReference, MeasureReference, ModelCard
from edgevision.postprocessing.drift_vector import spread

from .. import backend
from ..images.calibration import CalibrationSet

MAX_IMAGES = 64
DIGITS = 5


def drift_reference(flatbuffer: bytes, card: ModelCard, calibration: CalibrationSet) -> DriftReference:
    """Return mean and spread of the scores, and of the features if they are an output, of up to MAX_IMAGES images.

    Raises BadModel, EngineError, BadImage.
    """
    pictures = (*calibration.chosen, *calibration.selection)[:MAX_IMAGES]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.tflite"
        model_file.write(path, flatbuffer, card, {})
        with backend.quiet(), open_model(path) as model:
            reader = model.drift_reader()
            rows = []
            for picture in pictures:
                frame = picture.read()
                rows.append(reader.read(model.engine.infer(model.prepare(frame)), (frame.width, frame.height)))
    measures = {}
    for name in reader.measures:
        vectors = np.stack([row[name] for row in rows])
        mean = tuple(round(float(one), DIGITS) for one in vectors.mean(axis=0))
        measures[name] = MeasureReference(round(spread(vectors), DIGITS), mean)
    return DriftReference(len(rows), measures)
