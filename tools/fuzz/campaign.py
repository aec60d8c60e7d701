"""Run a target in child processes until its time is up, and read what libFuzzer reports."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from time import monotonic
from typing import NamedTuple

from .outcome import ROOT
from .registry import BY_NAME

MAX_STARTS = 5
"""A target whose process was ended that often is not started again."""
MARGIN_S = 120
"""Time beyond its own that a child process gets to start and to stop."""
_COVERAGE = re.compile(r"\bcov: (\d+)")
_RUNS = re.compile(r"(?:stat::number_of_executed_units: |^#)(\d+)", re.MULTILINE)
_ENDED = ("crash-", "timeout-", "oom-", "leak-", "slow-unit-")
"""Files of libFuzzer beside our own findings."""


class Result(NamedTuple):
    """What the fuzzing of one target found."""

    name: str
    executions: int
    coverage: int
    """Number of code locations reached."""
    new_coverage: int
    """Of these, locations that the inputs known before did not reach."""
    findings: tuple[str, ...]
    """One line each: the place, and the file with the input."""

    def line(self) -> str:
        """Return the result as one line."""
        reached = f"coverage {self.coverage} (+{self.new_coverage})"
        return f"{self.name}: {self.executions} executions, {reached}, {len(self.findings)} findings"


def fuzz(name: str, folder: Path, seconds: int) -> Result:
    """Fuzz one target. Findings of earlier runs are removed first."""
    findings = folder / "findings" / name
    findings.mkdir(parents=True, exist_ok=True)
    for old in findings.iterdir():
        old.unlink()
    executions, first, last = 0, 0, 0
    end = monotonic() + seconds
    for _ in range(MAX_STARTS):
        left = round(end - monotonic())
        if left < 1:
            break
        log = _run(name, folder, left)
        (folder / f"{name}.log").write_text(log, "utf-8", "backslashreplace")
        executions += max(map(int, _RUNS.findall(log)), default=0)
        coverage = [int(found) for found in _COVERAGE.findall(log)]
        first = first or (coverage[0] if coverage else 0)
        last = max([last, *coverage])
        if "stat::number_of_executed_units" not in log and not any(_ended(findings)):
            break  # it could not start: the log says why
    return Result(name, executions, last, last - first, tuple(_findings(findings, folder / f"{name}.log", executions)))


def table(results: list[Result]) -> str:
    """Return the results as a table."""
    rows: list[tuple[str, ...]] = [("target", "reads", "executions", "coverage", "new", "findings")]
    for one in results:
        numbers = (one.executions, one.coverage, one.new_coverage, len(one.findings))
        rows.append((one.name, BY_NAME[one.name].about, *map(str, numbers)))
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if at < 2 else cell.rjust(width)
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    )


def _run(name: str, folder: Path, seconds: int) -> str:
    command = [sys.executable, "-m", "tools.fuzz.child", name, str(folder), str(seconds)]
    with tempfile.TemporaryDirectory(
        prefix="edgevision-fuzz-"
    ) as files:  # libFuzzer ends the child without cleaning up
        environment = {**os.environ, "TMPDIR": files}
        try:
            done = subprocess.run(
                command, cwd=ROOT, env=environment, capture_output=True, timeout=seconds + MARGIN_S, check=False
            )
        except subprocess.TimeoutExpired as error:
            return (error.stderr or b"").decode("utf-8", "replace") + "\nthe process did not end in time\n"
    return (done.stdout + done.stderr).decode("utf-8", "replace")


def _ended(findings: Path) -> list[Path]:
    return [path for path in sorted(findings.iterdir()) if path.name.startswith(_ENDED)]


def _findings(findings: Path, log: Path, executions: int) -> list[str]:
    lines = []
    for path in sorted(findings.glob("*.txt")):
        place = path.read_text("utf-8").partition("\n")[0]
        lines.append(f"{place}: {path.with_suffix('.input')}")
    lines += [f"{path.name.partition('-')[0]}: {path}" for path in _ended(findings)]
    return lines if executions or lines else [f"did not start: {log}"]
