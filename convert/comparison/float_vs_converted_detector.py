"""Comparison of the float and the converted detector on the same images: matched boxes or points, and the loss of precision."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from edgevision.engines.interpreter import open_interpreter
from edgevision.errors import BadModel
from edgevision.evaluation.detection.bootstrap import Interval
from edgevision.evaluation.detection.detectors import DetectorSubject
from edgevision.evaluation.detection.evaluate import DetectorComparison, DetectorEvaluation, evaluate_detectors
from edgevision.evaluation.detection.evaluation import BoxPictures, opposite
from edgevision.evaluation.detection.points.evaluate import PointEvaluation, evaluate_points, point_subject
from edgevision.evaluation.scorers import facts
from edgevision.model import open_model
from edgevision.model_file import model_file
from edgevision.model_file.card import ModelCard
from edgevision.preprocessing.transform import pixels

from .. import backend
from ..images.heldout_boxes import HeldOutBoxes
from ..source_model.flatbuffer_model import SourceNetwork

N_FIDELITY_IMAGES = 4
"""Number of images on which the float .tflite must match the source model; it then stands in for it, being faster."""
MAX_DIFFERENCE = 1e-3
"""Largest allowed difference of a score between the source model and the float .tflite, and of an encoded box per unit of size."""


class Loss(NamedTuple):
    """A measure of the float and the converted detector."""

    name: str
    float_: Interval
    converted: Interval
    drop: Interval | None
    """Float minus converted on the same images, -1..1; None without objects."""


@dataclass(frozen=True, slots=True, eq=False)
class DetectorFidelity:
    """Measurements on the held-out images."""

    evaluation: DetectorEvaluation | PointEvaluation | None
    """The float detector, compared with the converted one; None without images."""

    @property
    def pictures(self) -> int:
        """Number of compared images."""
        return 0 if self.evaluation is None else len(self.evaluation.images)

    @property
    def agreement(self) -> Interval | None:
        """Share of the boxes or points of both detectors with a partner of the same class at the same place; None without."""
        found = self.evaluation.comparison if self.evaluation else None
        return found.agreement if found is not None and found.agreement.value is not None else None

    @property
    def drop(self) -> Interval | None:
        """Float minus converted mAP50, or F1 of points, on the same images, 0..1; None without objects."""
        found = self.evaluation.comparison if self.evaluation else None
        return None if found is None else found.drop

    @property
    def drop_50_95(self) -> Interval | None:
        """Float minus converted mAP50:95 on the same images, 0..1; None without objects, and of points."""
        found = self.evaluation.comparison if self.evaluation else None
        return opposite(found.map50_95_change) if isinstance(found, DetectorComparison) else None

    @property
    def losses(self) -> tuple[Loss, ...]:
        """The measures of which the loss is known, the most important first; empty without images."""
        done = self.evaluation
        if done is None or done.other_measures is None:
            return ()
        pairs = zip(done.measures.scores(), done.other_measures.scores(), (self.drop, self.drop_50_95), strict=False)
        found = [Loss(first.name, first.value, other.value, drop) for first, other, drop in pairs]
        return tuple(found[:1]) if isinstance(done, PointEvaluation) else tuple(found)


def compare_detectors(
    float_model: bytes,
    converted: bytes,
    card: ModelCard,
    heldout: HeldOutBoxes,
    split_file: Path,
    step: Callable[[int], None] = lambda done: None,
) -> DetectorFidelity:
    """Run both detectors on the held-out images, with the same code as the device. Raises BadInput, BadModel, EngineError.

    Both are flatbuffers as the device runs them. Images that the model was trained on are counted apart, unless
    there are no others. ``split_file``: the split.csv beside the source model.
    """
    if not heldout.images:
        return DetectorFidelity(None)
    points = card.task == "points"
    with tempfile.TemporaryDirectory() as folder, ExitStack() as opened, backend.quiet():
        subjects = []
        for name, flatbuffer in (("float", float_model), ("converted", converted)):
            path = Path(folder) / f"{name}.tflite"
            model_file.write(path, flatbuffer, card, {})
            model = opened.enter_context(open_model(path))
            known = split_file if split_file.exists() else None
            about = facts(path, model)
            one = point_subject(model, about, known) if points else DetectorSubject(model, about, known)
            subjects.append(one)
        given = BoxPictures(heldout.data, heldout.images)
        evaluate = evaluate_points if points else evaluate_detectors
        return DetectorFidelity(evaluate(subjects[0], given, other=subjects[1], step=step))


def check_fidelity(model: SourceNetwork, plain: bytes, card: ModelCard, heldout: HeldOutBoxes) -> None:
    """Check that the float .tflite, without the detection operator, matches the source model. Raises BadModel if it does not."""
    with backend.quiet():
        interpreter = open_interpreter(plain)
    try:
        for image in heldout.images[:N_FIDELITY_IMAGES]:
            batch = pixels(image.read(), card.preprocessing)[np.newaxis]
            for output, theirs in zip(interpreter.infer(model.normalize(batch)), model.results(batch), strict=True):
                difference = np.abs(np.asarray(output, np.float32) - theirs)
                if not (difference <= MAX_DIFFERENCE * np.maximum(1.0, np.abs(theirs))).all():  # also true for NaN
                    raise BadModel(
                        "the float TFLite model does not match the source model (largest difference "
                        f"{float(difference.max()):.3g}, before quantization): TensorFlow Lite converts one of its "
                        "operators incorrectly"
                    )
    finally:
        interpreter.close()
