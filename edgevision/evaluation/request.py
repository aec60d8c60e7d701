"""Evaluation from command line options: open models and images, select the split, write the run folder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib import import_module
from typing import Any

from ..datasets.dataset import open_dataset, read_unlabelled
from ..files.atomic import write_text
from ..files.run_folder import Run, dump, new_run
from ..log import Log
from ..preprocessing.pixel_limit import set_max_pixels
from .evaluate import Evaluation, evaluate
from .ground_truth import choose
from .opening import OpenedModel, OpenedModels, open_models
from .options import EvaluateOptions
from .page import page
from .records import Pictures, Subject
from .scorers import as_scorer
from .selection import select_part

log = Log("edgevision.evaluate")
CONFUSION_PLOT = "edgevision.convert.training.report.plots:confusion"
"""Function that draws the confusion matrix; called with the counts (classes, classes), the labels and the PNG's path."""
METRICS = "metrics.json"
PAGE = "evaluate.html"


@dataclass(frozen=True, slots=True, eq=False)
class EvaluationInputs:
    """The opened models and the selected images of a request."""

    subject: Subject
    other: Subject | None
    pictures: Pictures
    notes: tuple[str, ...]


def prepare(request: EvaluateOptions, models: OpenedModels | None = None) -> EvaluationInputs:
    """Find the images, without evaluating. Raises every error that a wrong path or option can cause.

    ``models``: the models of the request; they are opened here if None.
    """
    set_max_pixels(request.max_pixels)
    models = models or open_models(request)
    dataset = open_dataset(request.photos, request.label_map)
    chosen = select_part(request, dataset, models)
    negatives, about_negatives = read_unlabelled(request.negatives) if request.negatives else ((), ())
    pictures = Pictures(
        path=str(request.photos),
        items=chosen.items,
        classes=dataset.classes,
        split=chosen.split,
        skipped=dataset.skipped,
        negatives=negatives,
    )
    log.info("%d images, split %s, %d negatives", len(chosen.items), chosen.split, len(pictures.negatives))
    subject = _subject(models.first)
    other = _subject(models.other) if models.other else None
    choose(
        [subject, other] if other else [subject], pictures
    )  # fails here on wrong labels, before a run folder is created
    said = (*dataset.warnings, *dataset.notes, *about_negatives, *chosen.notes, *models.fallbacks())
    return EvaluationInputs(subject, other, pictures, said)


def run(
    request: EvaluateOptions, prepared: EvaluationInputs, step: Callable[[int], None] = lambda done: None
) -> tuple[Evaluation, Run]:
    """Evaluate and write ``runs/evaluate-N``. Raises BadInput, BadModel, EngineError, CannotWrite."""
    with new_run(request.runs, "evaluate") as folder:
        done = evaluate(
            prepared.subject, prepared.pictures, other=prepared.other, threshold=request.threshold, step=step
        )
        done = replace(done, notes=(*prepared.notes, *done.notes))
        write_text(folder.folder / METRICS, dump(done.to_json()) + "\n")
        folder.outputs.append(METRICS)
        write_text(folder.folder / PAGE, page(done))
        folder.outputs.append(PAGE)
        done = replace(done, notes=(*done.notes, *_plot(done, folder)))
    return done, folder


def _subject(opened: OpenedModel) -> Subject:
    return Subject(as_scorer(opened.model, opened.facts.path), opened.facts, opened.split_file)


def _plot(done: Evaluation, folder: Run) -> tuple[str, ...]:
    """Draw confusion.png, or return a note if matplotlib is not installed."""
    judged = done.metrics
    if judged.multilabel:
        return ()
    module, _, name = CONFUSION_PLOT.partition(":")
    try:
        draw: Any = getattr(import_module(module), name)
        draw(
            judged.confusion,
            [judged.name(index) for index in range(len(judged.confusion))],
            folder.folder / "confusion.png",
        )
    except ImportError:
        return ("confusion.png was not drawn: matplotlib is not installed; run: pip install 'edgevision[convert]'",)
    folder.outputs.append("confusion.png")
    return ()
