"""Evaluation of detectors and of points from options: open the data, select the split, write the run folder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ...datasets.boxes.open_boxes import open_boxes
from ...datasets.csv_labels import read_label_map
from ...datasets.dataset import read_unlabelled
from ...errors import BadModel
from ...files.atomic import write_text
from ...files.run_folder import Run, dump, new_run
from ...log import Log
from ...preprocessing.pixel_limit import set_max_pixels
from ..opening import OpenedModel, OpenedModels, open_models
from ..request import METRICS, PAGE
from ..selection import select_part
from .detectors import Detector, DetectorSubject
from .evaluate import DetectorEvaluation, evaluate_detectors
from .evaluation import BoxPictures
from .label_mapping import map_labels
from .page import page
from .points.evaluate import PointEvaluation, evaluate_points, point_subject

if TYPE_CHECKING:
    from ..options import EvaluateOptions

log = Log("edgevision.evaluate")


@dataclass(frozen=True, slots=True, eq=False)
class DetectionInputs:
    """The opened detectors and the selected images of a request."""

    subject: DetectorSubject
    other: DetectorSubject | None
    pictures: BoxPictures
    notes: tuple[str, ...]


def prepare(request: EvaluateOptions, models: OpenedModels | None = None) -> DetectionInputs:
    """Find the images, without evaluating. Raises every error that a wrong path or option can cause.

    ``models``: the models of the request; they are opened here if None.
    """
    set_max_pixels(request.max_pixels)
    models = models or open_models(request)
    subjects = [_subject(one, models.task) for one in models.every]
    data = open_boxes(request.photos)
    chosen = select_part(request, data.as_dataset(), models)
    negatives, about_negatives = read_unlabelled(request.negatives) if request.negatives else ((), ())
    pictures = BoxPictures(
        data=data,
        images=data.select(item.path for item in chosen.items),
        split=chosen.split,
        names=read_label_map(request.label_map) if request.label_map else {},
        negatives=negatives,
    )
    map_labels(subjects, data, pictures.names)  # fails here on wrong labels, before a run folder is created
    log.info("%d images, split %s, %d negatives", len(pictures.images), chosen.split, len(negatives))
    said = (*data.warnings, *data.notes, *about_negatives, *chosen.notes, *models.fallbacks())
    return DetectionInputs(subjects[0], subjects[1] if len(subjects) > 1 else None, pictures, said)


def run(
    request: EvaluateOptions, prepared: DetectionInputs, step: Callable[[int], None] = lambda done: None
) -> tuple[DetectorEvaluation | PointEvaluation, Run]:
    """Evaluate and write ``runs/evaluate-N``. Raises BadInput, BadModel, EngineError, CannotWrite."""
    with new_run(request.runs, "evaluate") as folder:
        done = evaluate_inputs(request, prepared, step)
        write_text(folder.folder / METRICS, dump(done.to_json()) + "\n")
        folder.outputs.append(METRICS)
        write_text(folder.folder / PAGE, page(done))
        folder.outputs.append(PAGE)
    return done, folder


def evaluate_inputs(
    request: EvaluateOptions, prepared: DetectionInputs, step: Callable[[int], None]
) -> DetectorEvaluation | PointEvaluation:
    """Evaluate what was prepared, without writing files. Raises BadInput, BadModel, EngineError."""
    finds_points = prepared.subject.detector.card.task == "points"
    evaluate = evaluate_points if finds_points else evaluate_detectors
    done = evaluate(prepared.subject, prepared.pictures, other=prepared.other, threshold=request.threshold, step=step)
    return replace(done, notes=(*prepared.notes, *done.notes))


def _subject(opened: OpenedModel, task: str) -> DetectorSubject:
    """Return a model of this task: detection or points. Raises BadModel for a model of another."""
    model = opened.model
    if task == "points":
        return point_subject(model, opened.facts, opened.split_file)
    if model.card.task != "detection" or not isinstance(model, Detector):
        raise BadModel(f"{opened.facts.path} is a {model.card.task} model; compare a detector with a detector")
    return DetectorSubject(model, opened.facts, opened.split_file)
