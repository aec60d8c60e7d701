"""Summary of a training for the terminal: tables, the result line, the run folder and the next command."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgevision.evaluation import tables as evaluation_tables
from edgevision.evaluation.intervals import is_rough
from edgevision.evaluation.records import CROSS_VALIDATION
from edgevision.next_command import command
from edgevision.reporting.terminal import table

from ...images.counts import MIN_COUNT

if TYPE_CHECKING:
    from rich.table import Table

    from ..linear_probe.learning_curve import LearningCurve
    from .result import TrainResult


def tables(result: TrainResult) -> list[Table]:
    """Return the tables: the network and its data, and the evaluation if there was one."""
    measured = evaluation_tables.tables(result.evaluation) if result.evaluation else []
    return [table(["", ""], _facts(result)), *measured]


def lines(result: TrainResult) -> list[str]:
    """Return the lines below the tables: the result, the run folder and the next command."""
    first = [f"{result.model}: {_verdict(result)}", str(result.folder.absolute())]
    if result.proposal is None:
        return [*first, f"next: {_next(result)}"]
    said = [f"{result.proposal.describe()}"] if result.proposal.accepted else []
    return [*said, *first, *(f"next: {line}" for line in result.proposal.next())]


def _next(result: TrainResult) -> str:
    """Return the command that converts the model; without enough images to calibrate on, the one that evaluates it."""
    if sum(result.learning.counts().values()) < MIN_COUNT:
        return command("evaluate", result.folder, result.photos, "--split", "all")
    return command("convert", result.model, "--calibration", result.photos)


def _facts(result: TrainResult) -> list[tuple[str, str]]:
    counts = ", ".join(f"{count} {name}" for name, count in result.learning.counts().items())
    return [
        ("network", f"{result.plan.choice.describe()}, {result.origin}"),
        ("classes", result.learning.goal.describe()),
        ("images", counts),
        ("weights", result.linear.describe() if result.linear else f"of epoch {result.kept} of {len(result.history)}"),
        *([("more photos", _more_photos(result.curve, result.linear is not None))] if result.curve else []),
        ("unknown", result.threshold.describe() if result.threshold else "never: too few images to choose a threshold"),
        ("report", str(result.folder / "report.html")),
    ]


def _more_photos(curve: LearningCurve, linear: bool) -> str:
    return curve.describe() + ("" if linear else " (of a linear head, before fine-tuning)")


def _verdict(result: TrainResult) -> str:
    if result.evaluation is None:
        return "trained, not tested: no test images were available"
    value, images = result.evaluation.metrics.accuracy, "test images"
    right = "with all labels correct" if result.evaluation.metrics.multilabel else "correct"
    if result.evaluation.pictures.split == CROSS_VALIDATION:
        images, right = "photos", f"{right} in cross-validation (each scored by a head fitted without it)"
    if is_rough(value):
        return f"{evaluation_tables.percent(value)} {images} {right}"
    return f"{evaluation_tables.percent(value)} of {value.total} {images} {right}"
