"""What ``edgevision train`` prints at its end: a small table, the result line, the folder, the next command."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from edgevision import terminal
from edgevision.evaluation_table import percent, tables

if TYPE_CHECKING:
    from .training import TrainResult


def show(result: TrainResult) -> None:
    """Prints the result for people."""
    terminal.show(terminal.table(["", ""], _facts(result)), *(tables(result.evaluation) if result.evaluation else ()))
    print(f"{result.model}: {_verdict(result)}")
    print(result.folder.absolute())
    print(f"next: edgevision convert {shlex.quote(str(result.model))} --calibration {shlex.quote(str(result.photos))}")


def _facts(result: TrainResult) -> list[tuple[str, str]]:
    counts = ", ".join(f"{count} {name}" for name, count in result.learning.counts().items())
    return [
        ("network", f"{result.plan.choice.describe()}, {result.origin}"),
        ("classes", result.learning.goal.describe()),
        ("pictures", counts),
        ("report", str(result.folder / "report.html")),
    ]


def _verdict(result: TrainResult) -> str:
    if result.evaluation is None:
        return "trained; there were no pictures to test it with"
    value = result.evaluation.verdict.judgement.accuracy
    return f"{percent(value)} of {value.total} test pictures right"
