"""What edgetpu_compiler prints, read as a table: which operators it mapped, which not and why, and memory.

The format is that of versions 2.0 to 16.0, as their users published it; the compiler has no other output.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from edgevision.errors import one_line

MAPPED = "Mapped to Edge TPU"
"""Status of an operator that runs on the Edge TPU; any other says why it does not."""
HEADER = re.compile(r"Operator\s+Count\s+Status\s*")
ROW = re.compile(r"([A-Za-z][\w.-]*)\s+(\d+)\s+(\S.*?)\s*")
VERSION = re.compile(r"Edge TPU Compiler version (\S+)")
SIZE = re.compile(r"(\d+(?:\.\d+)?)(B|KiB|MiB|GiB)")
UNITS = {"B": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
ON_CHIP, OFF_CHIP = "On-chip memory used for caching", "Off-chip memory used for streaming"
SUBGRAPHS, TOTAL = "Number of Edge TPU subgraphs", "Total number of operations"
FINISHED = "completed within timeout period"
FAILURES = ("Compilation failed: ", "ERROR: ", "Model not quantized", "Invalid model", "Internal compiler error")
"""Beginnings of lines that say why nothing was compiled, the most telling first."""


@dataclass(frozen=True, slots=True)
class MappedOperator:
    """How many operators of one type the compiler treated alike."""

    name: str
    count: int
    edgetpu: bool
    """Whether they run on the Edge TPU."""
    reason: str | None
    """Why not, in the compiler's words; None if they do."""

    def to_json(self) -> dict[str, Any]:
        """Return the fields as JSON values."""
        return {"name": self.name, "count": self.count, "edgetpu": self.edgetpu, "reason": self.reason}


@dataclass(frozen=True, slots=True)
class CompilerLog:
    """What the compiler said in one run."""

    version: str | None
    operators: tuple[MappedOperator, ...]
    """The table; that of the last try if the compiler made several. Empty if nothing was compiled."""
    subgraphs: int | None
    """Number of parts that run on the Edge TPU."""
    on_chip_bytes: int | None
    """Weights that stay on the chip."""
    off_chip_bytes: int | None
    """Weights that are sent again for each image."""
    problem: str | None
    """Why nothing was compiled, in the compiler's words; None if it did not say it."""
    timed_out: bool
    """Whether the compiler ended itself because of its time limit."""

    @property
    def mapped(self) -> float | None:
        """Share of the operators on the Edge TPU, 0..1; None without a table."""
        total = sum(one.count for one in self.operators)
        return sum(one.count for one in self.operators if one.edgetpu) / total if total else None


def parse_log(text: str) -> CompilerLog:
    """Read what the compiler printed, whatever it is."""
    lines = [line.strip() for line in text.splitlines()]
    version = VERSION.search(text)
    return CompilerLog(
        version=one_line(version[1])[:60] if version else None,
        operators=_table(lines),
        subgraphs=_count(_value(lines, SUBGRAPHS)),
        on_chip_bytes=_bytes(_value(lines, ON_CHIP)),
        off_chip_bytes=_bytes(_value(lines, OFF_CHIP)),
        problem=_problem(lines),
        timed_out=any(_tells_timeout(line) for line in lines),
    )


def _table(lines: list[str]) -> tuple[MappedOperator, ...]:
    """Return the rows below the last header; other lines may be between them."""
    starts = [number for number, line in enumerate(lines) if HEADER.fullmatch(line)]
    rows = [ROW.fullmatch(line) for line in lines[starts[-1] + 1 :]] if starts else []
    return tuple(_operator(row) for row in rows if row is not None)


def _operator(row: re.Match[str]) -> MappedOperator:
    on_tpu = row[3] == MAPPED
    return MappedOperator(row[1][:100], _count(row[2]) or 0, on_tpu, None if on_tpu else one_line(row[3])[:200])


def _value(lines: list[str], name: str) -> str:
    """Return what follows the last line with a name and a colon; empty if there is none."""
    return next((line.partition(":")[2].strip() for line in reversed(lines) if line.startswith(name)), "")


def _count(text: str) -> int | None:
    return int(text) if re.fullmatch(r"[0-9]{1,9}", text) else None


def _bytes(text: str) -> int | None:
    found = SIZE.fullmatch(text)
    return round(float(found[1]) * UNITS[found[2]]) if found and len(text) < 20 else None


def _problem(lines: list[str]) -> str | None:
    """Return the most telling line on a failure."""
    for start in FAILURES:
        found = next((line for line in lines if line.startswith(start)), None)
        if found is not None:
            return one_line(found.removeprefix("Compilation failed: ").removeprefix("ERROR: "))[:300]
    return None


def _tells_timeout(line: str) -> bool:
    started = line.startswith("Started a compilation timeout timer")
    return not started and FINISHED not in line and bool(re.search(r"time(d |-)?\s?out", line, re.IGNORECASE))
