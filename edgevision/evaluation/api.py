"""The public function that evaluates a model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import missing_dependencies
from ..model import Model
from ..types import DEFAULT_MAX_PIXELS
from .evaluate import Evaluation
from .evaluate import evaluate as evaluate_subject
from .opening import OpenedModels, open_models
from .options import EvaluateOptions, Part
from .request import prepare

if TYPE_CHECKING:
    from .anomaly import AnomalyEvaluation
    from .detection.evaluate import DetectorEvaluation
    from .detection.points.evaluate import PointEvaluation


@missing_dependencies()
def evaluate(
    model: str | Path | Model,
    photos: str | Path,
    *,
    compare: str | Path | Model | None = None,
    split: Part | None = None,
    split_file: str | Path | None = None,
    label_map: str | Path | None = None,
    negatives: str | Path | None = None,
    threshold: float | None = None,
    engine: str = "cpu",
    threads: int | None = None,
    limit: int | None = None,
    max_pixels: int = DEFAULT_MAX_PIXELS,
    progress: Callable[[int], None] | None = None,
) -> Evaluation | DetectorEvaluation | PointEvaluation | AnomalyEvaluation:
    """Measure how well a model recognizes labeled photos, and optionally compare it with a second model.

    Writes no files, unlike ``edgevision evaluate``, which makes a run folder.

    Args:
        model: An open model, a .tflite, .keras or .h5 file, a SavedModel folder, or the run folder of a training.
        photos: A folder with one subfolder per class or with train/, val/ and test/; a CSV of path,label; or a zip. For a
            detector: photos with boxes (Pascal VOC, COCO, YOLO and others).
        compare: A second model to compare with on the same photos.
        split: The part to evaluate: train, val, test or all; None for test if the photos are split, else for all.
        split_file: The split.csv of a training, or its run folder; None for the one next to the model.
        label_map: A CSV of name,label: the label of the model for a folder or a file.
        negatives: A folder or zip of images that show none of the classes, to measure false positives.
        threshold: Score from which a prediction counts, 0..1; None for the threshold of the model.
        engine: What runs a .tflite that is not open yet: ``auto``, ``cpu``, ``edgetpu``, ``edgetpu:usb:0``.
        threads: CPU threads for a .tflite that is not open yet; None for one per available CPU.
        limit: Largest number of photos; the same photos are drawn each time.
        max_pixels: Photos with more pixels are skipped, before any memory is used for them.
        progress: Called with the number of images done so far.

    Returns:
        The measures of the model, such as ``metrics.accuracy``, and the differences between the models; for a detector a
        DetectorEvaluation, with ``measures.map50``; for a model that finds points a PointEvaluation, with ``measures.f1``; for
        a model that finds anomalies an AnomalyEvaluation, with ``auc``.

    Raises:
        MissingFile: A model or the photos do not exist.
        BadModel: A model is damaged, or neither a classifier nor a detector, nor finds points.
        BadInput: The photos cannot be used, or no label matches the model.
        EngineError: The engine failed.
        MissingDependency: A Keras model is given, and TensorFlow is not installed.
    """
    first, second = (one if isinstance(one, Model) else None for one in (model, compare))
    request = EvaluateOptions(
        model=first.path if first else Path(str(model)),
        photos=Path(photos),
        compare=second.path if second else None if compare is None else Path(str(compare)),
        split=split,
        split_file=_path(split_file),
        label_map=_path(label_map),
        negatives=_path(negatives),
        threshold=threshold,
        engine=engine,
        threads=threads,
        limit=limit,
        max_pixels=max_pixels,
    )
    models = open_models(request, first, second)
    try:
        if models.task in ("detection", "points"):
            return _evaluate_objects(request, models, progress or _ignore)
        if models.task == "anomaly":
            from .anomaly import evaluate_anomaly, find_images

            return evaluate_anomaly(request, models, find_images(request.photos), progress or _ignore)
        inputs = prepare(request, models)
        done = evaluate_subject(
            inputs.subject, inputs.pictures, other=inputs.other, threshold=threshold, step=progress or _ignore
        )
        return replace(done, notes=(*inputs.notes, *done.notes))
    finally:
        for opened, given in zip(models.every, (first, second), strict=False):
            if given is None and isinstance(opened.model, Model):
                opened.model.close()


def _evaluate_objects(
    request: EvaluateOptions, models: OpenedModels, step: Callable[[int], None]
) -> DetectorEvaluation | PointEvaluation:
    from .detection.request import evaluate_inputs
    from .detection.request import prepare as prepare_detectors

    return evaluate_inputs(request, prepare_detectors(request, models), step)


def _path(path: str | Path | None) -> Path | None:
    return None if path is None else Path(path)


def _ignore(done: int) -> None:
    """Report no progress."""
