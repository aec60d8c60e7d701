"""Summary of a detector's training for the terminal: tables, the result line, the run folder and the next command."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgevision.evaluation.detection import tables as evaluation_tables
from edgevision.evaluation.detection.formatting import with_interval
from edgevision.next_command import command
from edgevision.reporting.terminal import table

from ...images.counts import MIN_COUNT

if TYPE_CHECKING:
    from rich.table import Table

    from .result import DetectorResult


def tables(result: DetectorResult) -> list[Table]:
    """Return the tables: the network and its data, and the evaluation if there was one."""
    measured = evaluation_tables.tables(result.evaluation) if result.evaluation else []
    return [table(["", ""], _facts(result)), *measured]


def lines(result: DetectorResult) -> list[str]:
    """Return the lines below the tables: the result, the run folder and the next command."""
    return [f"{result.model}: {_verdict(result)}", str(result.folder.absolute()), f"next: {_next(result)}"]


def _next(result: DetectorResult) -> str:
    """Return the command that converts the model; without enough images to calibrate on, the one that evaluates it."""
    if sum(result.learning.counts().values()) < MIN_COUNT:
        return command("evaluate", result.folder, result.photos, "--split", "all")
    return command("convert", result.model, "--calibration", result.photos)


def _facts(result: DetectorResult) -> list[tuple[str, str]]:
    counts = ", ".join(f"{count} {name}" for name, count in result.learning.counts().items())
    unknown = "the default: too few images to choose one"
    return [
        ("network", f"{result.plan.choice.describe()}, {result.head}, {result.origin}"),
        ("images", counts),
        ("weights", f"of epoch {result.kept} of {len(result.history)}"),
        ("threshold", result.threshold.describe() if result.threshold else unknown),
        ("report", str(result.folder / "report.html")),
    ]


def _verdict(result: DetectorResult) -> str:
    found = result.evaluation
    if found is None:
        return "trained, not tested: no test images were available"
    objects, images = found.measures.metrics.objects, len(found.images)
    name, value = found.measures.scores()[0]
    if value.value is None:
        return f"trained, not tested: the {images} test images show no objects"
    counted = f", {said}" if (said := found.measures.counting()) else ""
    return f"{name} {with_interval(value)}{counted}; on {images} test images with {objects} objects"
