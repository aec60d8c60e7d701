"""``edgevision evaluate MODEL|RUN PHOTOS/``: measure the accuracy of a model, or compare two models."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import click

from ..evaluation.options import KERAS_OPTIONS, EvaluateOptions
from .options import PATH, json_option, quiet_option
from .setting_options import GroupedCommand, headings, setting_options
from .terminal import say, say_json

if TYPE_CHECKING:
    from ..evaluation.evaluate import Evaluation
    from ..files.run_folder import Run


@click.command(cls=GroupedCommand, groups=headings(EvaluateOptions, Output=("as_json", "quiet", "verbose", "help")))
@click.argument("model", type=PATH)
@click.argument("photos", type=PATH)
@setting_options(EvaluateOptions)
@json_option
@quiet_option
def evaluate(as_json: bool, quiet: bool, **values: Any) -> None:
    """Evaluate MODEL (.tflite, .keras, .h5, or the run folder of a training) on labeled PHOTOS.

    PHOTOS: a folder with one subfolder per class, or with train/, val/ and test/; a CSV of path,label; or a zip of these.
    For a detector, or a model that finds points: a folder or zip with boxes, as Pascal VOC, COCO, YOLO and others write
    them. For a model of the task anomaly: a folder with good/ and a folder for each kind of defect.
    """
    from ..evaluation.opening import open_models
    from .terminal import bar

    request = EvaluateOptions(**values)
    models = open_models(request)
    if models.task in ("detection", "points"):
        from .evaluate_detector import evaluate_detector

        evaluate_detector(request, models, as_json, quiet)
        return
    if models.task == "anomaly":
        from .evaluate_anomaly import evaluate_anomaly

        evaluate_anomaly(request, models, as_json, quiet)
        return
    from ..evaluation.request import prepare, run

    prepared = prepare(request, models)
    total = len(prepared.pictures.items) + len(prepared.pictures.negatives)
    with bar("evaluating", total, quiet) as step:
        done, folder = run(request, prepared, step)
    _show(request, done, folder, as_json, quiet)


def _show(request: EvaluateOptions, done: Evaluation, folder: Run, as_json: bool, quiet: bool) -> None:
    from ..evaluation.request import PAGE
    from ..evaluation.tables import result_line, tables
    from .terminal import note, show

    for line in done.notes:
        note(line, quiet)
    if as_json:
        say_json(done.to_json())
        return
    show(*tables(done))
    say(result_line(done))
    if hint := _store_threshold(done):
        say(hint)
    say(str(folder.folder.absolute() / PAGE))
    say(f"next: {_next(request, done)}")


def _store_threshold(done: Evaluation) -> str | None:
    """Return how to store the threshold that negatives suggest; None without them, and for Keras models."""
    from pathlib import Path

    from ..next_command import command

    facts, found = done.result.subject.facts, done.metrics.threshold.suggested
    stored = done.result.subject.scorer.card.threshold
    if facts.kind != "tflite" or not done.pictures.negatives or found is None:
        return None
    value = math.floor(1000 * found) / 1000  # down, so that the image that set it still reaches it
    if stored == value:
        return None
    path = Path(facts.path)
    out = path.with_name(f"{path.stem}-unknown.tflite")
    return f'to answer "unknown" below {value:g}: {command("card", path, "--threshold", f"{value:g}", "-o", out)}'


def _next(request: EvaluateOptions, done: Evaluation) -> str:
    from ..next_command import command, run_command

    facts = done.result.subject.facts
    if facts.kind == "tflite":
        return run_command(facts.path, images=request.photos)
    normalization = [word for name in KERAS_OPTIONS for word in _typed(name, getattr(request, name))]
    return command("convert", facts.path, "--calibration", request.photos, *normalization)


def _typed(name: str, value: Any) -> tuple[str, ...]:
    """Return an option as it is typed; nothing if it was not given."""
    if value is None:
        return ()
    return (
        f"--{name.replace('_', '-')}",
        ",".join(f"{one:g}" for one in value) if isinstance(value, tuple) else str(value),
    )
