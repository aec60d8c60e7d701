"""Output files of a detector's training: the model with its card, its measures, plots and the report."""

from __future__ import annotations

import math
from pathlib import Path

from edgevision.datasets.boxes.records import BoxDataset
from edgevision.evaluation.detection.detectors import DetectorSubject
from edgevision.evaluation.detection.evaluate import DetectorEvaluation, evaluate_detectors
from edgevision.evaluation.detection.evaluation import BoxPictures
from edgevision.evaluation.detection.metrics import evaluate_boxes
from edgevision.evaluation.intervals import FEW_IMAGES
from edgevision.evaluation.scorers import facts
from edgevision.files import run_folder
from edgevision.files.atomic import sha256, write_text
from edgevision.model_file.card import ModelCard
from edgevision.preprocessing.spec import Preprocessing

from ..fit.checkpoint import State
from ..fit.early_stopping import MIN_VALIDATION_IMAGES
from ..input.splits import DatasetSplits
from ..monitor.history import DetectorEpoch
from ..monitor.observer import TrainingObserver
from ..report import outputs, plots
from .examples import BoxExamples
from .keras_detector import KerasDetector
from .network import DetectorNetwork
from .page import page
from .plan import DetectorPlan
from .predict import Forward, predict
from .result import DetectorResult, DetectorThreshold

STEPS = 1000
"""A threshold is rounded down to 1/STEPS, so that the object that set it still reaches it."""


def announce(network: DetectorNetwork, plan: DetectorPlan, learning: DatasetSplits, watcher: TrainingObserver) -> None:
    """Report the planned training to the user."""
    counts = ", ".join(f"{count} {name}" for name, count in learning.counts().items())
    names = network.classes
    some = ", ".join(names[:4]) + (" ..." if len(names) > 4 else "")
    kinds = f"{len(names)} classes" if len(names) > 1 else "one class"
    watcher.note(f"the images have boxes: training a detector of {kinds} ({some})")
    watcher.note(f"{plan.choice.describe()}, {network.origin.describe()}; {plan.epochs} epochs; images: {counts}")
    if len(learning.val) < MIN_VALIDATION_IMAGES:
        few = f"only {len(learning.val)} validation images" if learning.val else "no validation images"
        watcher.note(f"{few}, too few to choose the best epoch: the weights of the last epoch are kept")


def make_card(
    network: DetectorNetwork,
    plan: DetectorPlan,
    learning: DatasetSplits,
    state: State[DetectorEpoch],
    preprocessing: Preprocessing,
    threshold: DetectorThreshold | None,
) -> ModelCard:
    """Return the model card; it contains no local paths."""
    choice = plan.choice
    kept = state.history[state.selection.epoch - 1] if state.selection.epoch else None
    training = {
        "data": outputs.data_record(learning),
        "backbone": outputs.backbone_record(choice, network.origin),
        "cells": network.grid.to_json(),
        "epochs": len(state.history),
        "phases": list(dict.fromkeys(row.phase for row in state.history)),
        "applied": list(dict.fromkeys(f"{row.phase}: {row.applied}" for row in state.history)),
        "kept": None
        if kept is None
        else {"epoch": kept.epoch, "val_map50": kept.val_map50, "val_map50_95": kept.val_map50_95},
        "seed": plan.seed,
        **({} if threshold is None else {"threshold": threshold.to_json()}),
    }
    return ModelCard(
        name=f"{choice.backbone}_detector_{choice.image_size}",
        task="detection",
        preprocessing=preprocessing,
        labels=network.classes,
        activation="sigmoid",
        threshold=None if threshold is None else threshold.value,
        training=training,
        versions=run_folder.versions(),
        created=run_folder.utc_now(),
    )


def choose_threshold(
    run: Forward, sets: dict[str, BoxExamples], classes: tuple[str, ...], watcher: TrainingObserver
) -> DetectorThreshold | None:
    """Return the threshold with the best F1; None with fewer than FEW_IMAGES images, or if nothing is found.

    The validation images choose it, and the test images with them if these are too few; a threshold does not change the
    average precision that is measured on them.
    """
    parts = ("val",) if len(sets["val"]) >= FEW_IMAGES else ("val", "test")
    chosen = [sets[part] for part in parts]
    pictures = sum(map(len, chosen))
    best = None
    if pictures >= FEW_IMAGES:
        truths = [one for part in chosen for one in part.true_boxes()]
        best = evaluate_boxes([one for part in chosen for one in predict(run, part)], truths, classes).best
    value = 0.0 if best is None else math.floor(STEPS * best.threshold) / STEPS
    if best is None or best.precision is None or not value:
        few = f"it needs {FEW_IMAGES} validation or test images in which something is found"
        watcher.note(f"no threshold was chosen: {few}; run reports objects from the default score on")
        return None
    return DetectorThreshold(value, best.precision, best.recall, pictures, parts)


def score(
    network: DetectorNetwork,
    card: ModelCard,
    model: Path,
    data: BoxDataset,
    learning: DatasetSplits,
    watcher: TrainingObserver,
) -> DetectorEvaluation | None:
    """Evaluate the detector on the test images, which were not used in training; None if there are none."""
    if not learning.test:
        watcher.note("no test images: the accuracy of the model is not known; add images or a test/ folder")
        return None
    detector = KerasDetector(network.infer, network.grid, card, sha256(model))
    subject = DetectorSubject(detector, facts(model, detector))
    images = data.select(item.path for item in learning.test)
    with watcher.stage("Scoring", len(images)) as step:
        done = evaluate_detectors(subject, BoxPictures(data, images, "test"), step=step)
    for line in done.notes:
        watcher.note(line)
    return done


def write_reports(result: DetectorResult) -> None:
    """Write metrics.json, the learning curves and report.html."""
    folder = result.folder
    if result.history:
        plots.detector_curves(result.history, result.kept, folder / outputs.CURVES_FILE)
    if result.evaluation is not None:
        write_text(folder / outputs.METRICS_FILE, run_folder.dump(result.evaluation.to_json()) + "\n")
    write_text(folder / outputs.REPORT_FILE, page(result))
