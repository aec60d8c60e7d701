"""Terminal summary of ``edgevision train``: a table, the result line, the run folder and the next command."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from edgevision.evaluation.tables import percent, tables
from edgevision.reporting import terminal

if TYPE_CHECKING:
    from .result import TrainResult


def show(result: TrainResult) -> None:
    """Print the result on stdout."""
    terminal.show(terminal.table(["", ""], _facts(result)), *(tables(result.evaluation) if result.evaluation else ()))
    print(f"{result.model}: {_verdict(result)}")
    print(result.folder.absolute())
    print(f"next: edgevision convert {shlex.quote(str(result.model))} --calibration {shlex.quote(str(result.photos))}")


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
    value = result.evaluation.verdict.judgement.accuracy
    return f"{percent(value)} of {value.total} test images correct"
