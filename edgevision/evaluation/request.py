"""Evaluation from command line options: open models and images, select the split, write the run folder."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any

from ..datasets.dataset import Dataset, Item, open_dataset, read_unlabelled
from ..datasets.split import FILE as SPLIT_FILE
from ..datasets.split import Split
from ..errors import BadInput
from ..files.atomic import write_text
from ..files.run_folder import Run, dump, new_run
from ..log import Log
from ..preprocessing.pixel_limit import set_max_pixels
from .evaluate import Evaluation, evaluate
from .ground_truth import choose
from .options import KERAS_OPTIONS, EvaluateOptions
from .page import page
from .records import Pictures, Subject
from .scorers import Located, Scorer, facts, locate, open_scorer

log = Log("edgevision.evaluate")
CONFUSION_PLOT = "edgevision.convert.training.report.plots:confusion"
"""Function that draws the confusion matrix; called with the counts (classes, classes), the labels and the PNG's path."""
METRICS = "metrics.json"
PAGE = "evaluate.html"
ALL = "all"


@dataclass(frozen=True, slots=True, eq=False)
class EvaluationInputs:
    """The opened models and the selected images of a request."""

    subject: Subject
    other: Subject | None
    pictures: Pictures
    notes: tuple[str, ...]


def prepare(request: EvaluateOptions, model: Scorer | None = None, compare: Scorer | None = None) -> EvaluationInputs:
    """Open the models and find the images, without evaluating. Raises every error that a wrong path or option can cause.

    ``model``, ``compare``: models of the request that are open already.
    """
    set_max_pixels(request.max_pixels)
    located = locate(request.model)
    other = locate(request.compare) if request.compare else None
    dataset = open_dataset(request.photos, request.label_map)
    items, split, notes = _choose(request, dataset, located, other)
    items = _limited(items, request.limit)
    negatives, about_negatives = read_unlabelled(request.negatives) if request.negatives else ((), ())
    pictures = Pictures(
        path=str(request.photos),
        items=items,
        classes=dataset.classes,
        split=split,
        skipped=dataset.skipped,
        negatives=negatives,
    )
    log.info("%d images, split %s, %d negatives", len(items), split, len(pictures.negatives))
    subject = _open(located, request, model)
    second = _open(other, request, compare) if other else None
    _refuse_needless_engine(request, subject, second)
    _refuse_needless_normalization(request, subject, second)
    choose(
        [subject, second] if second else [subject], pictures
    )  # fails here on wrong labels, before a run folder is created
    said = (*dataset.warnings, *dataset.notes, *about_negatives, *notes, *_fallbacks(subject, second))
    return EvaluationInputs(subject, second, pictures, said)


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


def _open(located: Located, request: EvaluateOptions, opened: Scorer | None) -> Subject:
    given = {name: getattr(request, name) for name in KERAS_OPTIONS if getattr(request, name) is not None}
    scorer = opened or open_scorer(located.path, request.threads, request.engine, given)
    return Subject(scorer, facts(located.path, scorer), _record(request.split_file) or located.split)


def _refuse_needless_engine(request: EvaluateOptions, *subjects: Subject | None) -> None:
    """Raise BadInput if an accelerator was requested but no model is a .tflite that it could run."""
    if request.engine not in ("auto", "cpu") and not any(s and s.facts.kind == "tflite" for s in subjects):
        raise BadInput(f"--engine {request.engine} runs only .tflite models, got {request.model}; leave --engine out")


def _refuse_needless_normalization(request: EvaluateOptions, *subjects: Subject | None) -> None:
    """Raise BadInput if a normalization was given but no model is a Keras model: a .tflite has its own."""
    given = [f"--{name.replace('_', '-')}" for name in KERAS_OPTIONS if getattr(request, name) is not None]
    if given and not any(s and s.facts.kind != "tflite" for s in subjects):
        raise BadInput(
            f"{' and '.join(given)}: only for Keras models, got {request.model}; a .tflite has its preprocessing in its card"
        )


def _fallbacks(*subjects: Subject | None) -> list[str]:
    """Return why a model runs on a different engine than requested."""
    choices = [subject.scorer.choice for subject in subjects if subject]
    return [f"running on the CPU: {choice.fallback_reason}" for choice in choices if choice and choice.fallback_reason]


def _choose(
    request: EvaluateOptions, dataset: Dataset, model: Located, other: Located | None
) -> tuple[tuple[Item, ...], str, tuple[str, ...]]:
    """Return the images of the requested split, from the split recorded by a training or from the source's folders."""
    record = _record(request.split_file) or model.split or (other.split if other else None)
    recorded = Split.read_csv(record) if record and request.split != ALL else None
    notes: list[str] = []
    if recorded and not (request.split or request.split_file) and not recorded.speaks_of(dataset):
        notes.append(f"ignoring {record}: it lists no image of {dataset.path}")
        recorded = None
    held_out = next((part for part in ("test", "val") if part in dataset.splits), None)
    if request.split == ALL or (recorded is None and request.split is None and held_out is None):
        return dataset.items, ALL, tuple(notes)
    name = request.split or ("test" if recorded else held_out) or "test"
    if recorded is None:
        return _own(dataset, name), name, tuple(notes)
    items, missing = recorded.select(dataset, name)
    notes.append(f"evaluating the {name} part of {record}: {len(items)} images")
    if missing:
        notes.append(f"{len(missing)} images of {record} are not in {dataset.path}, such as {missing[0]}")
    return items, name, tuple(notes)


def _record(given: Path | None) -> Path | None:
    """Return the given split.csv, or the one of the given run folder. Raises BadInput."""
    if given is None or not given.is_dir():
        return given
    if not (given / SPLIT_FILE).exists():
        raise BadInput(f"{given} has no {SPLIT_FILE}; give the run folder of a training or a CSV file")
    return given / SPLIT_FILE


def _own(dataset: Dataset, name: str) -> tuple[Item, ...]:
    items = dataset.in_split(name)
    if not items:
        parts = ", ".join(dataset.splits) or "none; use --split-file RUN or --split all"
        raise BadInput(f"{dataset.path} has no {name} part; available: {parts}")
    return items


def _limited(items: tuple[Item, ...], limit: int | None) -> tuple[Item, ...]:
    """Draw at most ``limit`` images, the same each time and for every model."""
    if limit is None or limit >= len(items):
        return items
    drawn = sorted(items, key=lambda item: hashlib.sha256(item.path.encode("utf-8", "surrogateescape")).digest())
    return tuple(sorted(drawn[:limit], key=lambda item: item.path))


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
