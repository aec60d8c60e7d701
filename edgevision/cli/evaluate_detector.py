"""The part of ``edgevision evaluate`` that is about detectors and points."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

from ..evaluation.request import PAGE
from .terminal import bar, note, say, say_json, show

if TYPE_CHECKING:
    from ..evaluation.detection.evaluation import ObjectEvaluation
    from ..evaluation.opening import OpenedModels
    from ..evaluation.options import EvaluateOptions
    from ..files.run_folder import Run


def evaluate_detector(request: EvaluateOptions, models: OpenedModels, as_json: bool, quiet: bool) -> None:
    """Evaluate open models that find objects on labeled boxes and print the results."""
    from ..evaluation.detection.request import prepare, run

    prepared = prepare(request, models)
    total = len(prepared.pictures.images) + len(prepared.pictures.negatives)
    with bar("evaluating", total, quiet) as step:
        done, folder = run(request, prepared, step)
    _show(request, done, folder, as_json, quiet)


def _show(request: EvaluateOptions, done: ObjectEvaluation, folder: Run, as_json: bool, quiet: bool) -> None:
    from ..evaluation.detection.tables import result_line, tables

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


def _store_threshold(done: ObjectEvaluation) -> str | None:
    """Return how to store the suggested threshold; None without one, and for images that the model was trained on."""
    from ..next_command import command

    facts, best, known = done.subject.facts, done.measures.metrics.best, done.trained_on
    if facts.kind != "tflite" or best is None or (known is not None and not known.counted_apart):
        return None
    value = math.floor(1000 * best.threshold) / 1000  # down, so that the object that set it still reaches it
    if done.subject.detector.card.threshold == value:
        return None
    path = Path(facts.path)
    out = path.with_name(f"{path.stem}-threshold.tflite")
    stored = command("card", path, "--threshold", f"{value:g}", "-o", out)
    return f"to report objects from the suggested threshold on: {stored}"


def _next(request: EvaluateOptions, done: ObjectEvaluation) -> str:
    from ..next_command import command, run_command

    facts = done.subject.facts
    if facts.kind == "tflite":
        return run_command(facts.path, images=request.photos)
    return command("convert", facts.path, "--calibration", request.photos)
