"""Output files of a detector's training: the model with its card, its measures, plots and the report."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from edgevision.datasets.boxes.records import BoxDataset
from edgevision.evaluation.detection.evaluate import DetectorEvaluation
from edgevision.evaluation.detection.evaluation import BoxPictures
from edgevision.evaluation.detection.points.evaluate import PointEvaluation
from edgevision.evaluation.intervals import FEW_IMAGES
from edgevision.files import run_folder
from edgevision.files.atomic import write_text
from edgevision.model_file.card import ModelCard
from edgevision.preprocessing.spec import Preprocessing

from ..fit.checkpoint import State
from ..fit.early_stopping import MIN_VALIDATION_IMAGES
from ..input.splits import DatasetSplits
from ..monitor.history import Row
from ..monitor.observer import TrainingObserver
from ..report import outputs, plots
from .examples import BoxExamples
from .head import Head
from .page import page
from .plan import DetectorPlan
from .result import DetectorResult, DetectorThreshold

STEPS = 1000
"""A threshold is rounded down to 1/STEPS, so that the object that set it still reaches it."""


def announce(head: Head[Row], plan: DetectorPlan, learning: DatasetSplits, watcher: TrainingObserver) -> None:
    """Report the planned training to the user."""
    network = head.network
    counts = ", ".join(f"{count} {name}" for name, count in learning.counts().items())
    names = network.classes
    some = ", ".join(names[:4]) + (" ..." if len(names) > 4 else "")
    kinds = f"{len(names)} classes" if len(names) > 1 else "one class"
    watcher.note(f"the images have boxes: training {head.product} of {kinds} ({some})")
    origin = network.origin.describe()
    watcher.note(f"{plan.choice.describe()}, {head.describe()}, {origin}; {plan.epochs} epochs; images: {counts}")
    if len(learning.val) < MIN_VALIDATION_IMAGES:
        few = f"only {len(learning.val)} validation images" if learning.val else "no validation images"
        watcher.note(f"{few}, too few to choose the best epoch: the weights of the last epoch are kept")


def make_card(
    head: Head[Row],
    plan: DetectorPlan,
    learning: DatasetSplits,
    state: State[Row],
    preprocessing: Preprocessing,
    threshold: DetectorThreshold | None,
) -> ModelCard:
    """Return the model card; it contains no local paths."""
    choice, network = plan.choice, head.network
    kept = state.history[state.selection.epoch - 1] if state.selection.epoch else None
    training = {
        "data": outputs.data_record(learning),
        "backbone": outputs.backbone_record(choice, network.origin),
        "cells": head.cells(),
        "epochs": len(state.history),
        "phases": list(dict.fromkeys(row.phase for row in state.history)),
        "applied": [f"{head.phase}: {plan.applied}"] if state.history else [],
        "kept": None if kept is None else {"epoch": kept.epoch, **head.kept(kept)},
        "seed": plan.seed,
        **({} if threshold is None else {"threshold": threshold.to_json()}),
    }
    return ModelCard(
        name=f"{choice.backbone}_{head.phase}_{choice.image_size}",
        task=head.task,
        preprocessing=preprocessing,
        labels=network.classes,
        activation=head.activation,
        threshold=None if threshold is None else threshold.value,
        training=training,
        versions=run_folder.versions(),
        created=run_folder.utc_now(),
    )


def choose_threshold(
    head: Head[Row], sets: dict[str, BoxExamples], watcher: TrainingObserver
) -> DetectorThreshold | None:
    """Return the threshold with the best F1; None with fewer than FEW_IMAGES images, or if nothing is found.

    The validation images choose it. If these are too few, the test images do with them, but only for a head whose measures
    do not depend on the threshold.
    """
    parts = ("val",) if len(sets["val"]) >= FEW_IMAGES or not head.rule.uses_test else ("val", "test")
    chosen = [sets[part] for part in parts]
    pictures = sum(map(len, chosen))
    best = head.best(chosen) if pictures >= FEW_IMAGES else None
    value = 0.0 if best is None else math.floor(STEPS * best.threshold) / STEPS
    if best is None or best.precision is None or not value:
        few = f"it needs {FEW_IMAGES} {' or '.join(head.rule.parts)} images in which something is found"
        watcher.note(f"no threshold was chosen: {few}; {head.rule.fallback}")
        return None
    return DetectorThreshold(value, best.precision, best.recall, pictures, parts, head.rule.criterion)


def score(
    head: Head[Row],
    card: ModelCard,
    model: Path,
    data: BoxDataset,
    learning: DatasetSplits,
    watcher: TrainingObserver,
) -> DetectorEvaluation | PointEvaluation | None:
    """Evaluate the network on the test images, which were not used in training; None if there are none."""
    if not learning.test:
        watcher.note("no test images: the accuracy of the model is not known; add images or a test/ folder")
        return None
    images = data.select(item.path for item in learning.test)
    with watcher.stage("Scoring", len(images)) as step:
        done = head.evaluate(card, model, BoxPictures(data, images, "test"), step)
    for line in done.notes:
        watcher.note(line)
    return done


def write_reports(result: DetectorResult, head: Head[Row], history: Sequence[Row]) -> None:
    """Write metrics.json, the learning curves and report.html."""
    folder = result.folder
    if history:
        plots.detector_curves(history, *head.curves(history), result.kept, folder / outputs.CURVES_FILE)
    if result.evaluation is not None:
        write_text(folder / outputs.METRICS_FILE, run_folder.dump(result.evaluation.to_json()) + "\n")
    write_text(folder / outputs.REPORT_FILE, page(result))
