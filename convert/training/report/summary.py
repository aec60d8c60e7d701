"""Summary of a training for the terminal: tables, the result line, the run folder and the next command."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from edgevision.evaluation import tables as evaluation_tables
from edgevision.reporting.terminal import table

if TYPE_CHECKING:
    from rich.table import Table

    from .result import TrainResult


def tables(result: TrainResult) -> list[Table]:
    """Return the tables: the network and its data, and the evaluation if there was one."""
    measured = evaluation_tables.tables(result.evaluation) if result.evaluation else []
    return [table(["", ""], _facts(result)), *measured]


def lines(result: TrainResult) -> list[str]:
    """Return the lines below the tables: the result, the run folder and the next command."""
    model, photos = shlex.quote(str(result.model)), shlex.quote(str(result.photos))
    return [
        f"{result.model}: {_verdict(result)}",
        str(result.folder.absolute()),
        f"next: edgevision convert {model} --calibration {photos}",
    ]


def _facts(result: TrainResult) -> list[tuple[str, str]]:
    counts = ", ".join(f"{count} {name}" for name, count in result.learning.counts().items())
    return [
        ("network", f"{result.plan.choice.describe()}, {result.origin}"),
        ("classes", result.learning.goal.describe()),
        ("images", counts),
        ("report", str(result.folder / "report.html")),
    ]


def _verdict(result: TrainResult) -> str:
    if result.evaluation is None:
        return "trained, not tested: no test images were available"
    value = result.evaluation.metrics.accuracy
    return f"{evaluation_tables.percent(value)} of {value.total} test images correct"
