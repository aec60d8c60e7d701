"""``edgevision bench compare``: compare the results of several bench.json files with the first result."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgevision.errors import BadInput
from edgevision.evaluation.benchmark_record import Record, blocks_ms, read

from .bootstrap import Ratio, paired_ratio, unpaired_ratio

SCHEMA = "edgevision.bench_comparison/1"
LEAST_BLOCKS = 2
"""Fewest blocks for a ratio."""


@dataclass(frozen=True, slots=True)
class Row:
    """One result and its ratio to the first."""

    record: Record
    result: dict[str, Any]
    ratio: Ratio | None
    """Duration relative to the first result; None if too few blocks were measured."""

    @property
    def name(self) -> str:
        """Model, engine and threads."""
        return str(self.result["id"])

    @property
    def valid(self) -> bool:
        """Whether the result is valid."""
        return self.result.get("valid") is True

    def to_json(self) -> dict[str, Any]:
        """Return the fields as JSON values."""
        ratio = self.ratio and {"value": self.ratio.value, "low": self.ratio.low, "high": self.ratio.high}
        figures = {
            name: self.result.get(name) for name in ("predict_ms", "invoke_ms", "loop_ms", "rate_fps", "accuracy")
        }
        more = {name: self.result.get(name) for name in ("memory_mb", "cold_start_ms", "energy_j_per_frame", "invalid")}
        head = {"path": str(self.record.path), "machine": self.record.machine, "id": self.name, "valid": self.valid}
        return {**head, "model": self.result["model"], **figures, **more, "ratio": ratio}


@dataclass(frozen=True, slots=True)
class BenchComparison:
    """All results in the order of the files."""

    rows: tuple[Row, ...]
    seed: int

    @property
    def one_machine(self) -> bool:
        """Whether all results are from one machine."""
        return len({row.record.machine_name for row in self.rows}) == 1

    def to_json(self) -> dict[str, Any]:
        """Return the fields as JSON values."""
        rows = [row.to_json() for row in self.rows]
        return {
            "schema": SCHEMA,
            "against": self.rows[0].name,
            "measure": "predict_ms",
            "seed": self.seed,
            "rows": rows,
        }


def compare(paths: Sequence[Path], seed: int = 0) -> BenchComparison:
    """Read bench.json files and compare their results. Raises MissingFile, BadInput."""
    records = [read(path) for path in paths]
    found = [(record, result) for record in records for result in record.results]
    if not found:
        raise BadInput(f"{paths[0]} contains no results; measure again with edgevision bench")
    first = found[0]
    rows = [Row(record, result, _ratio((record, result), first, seed)) for record, result in found]
    return BenchComparison(tuple(rows), seed)


def _ratio(one: tuple[Record, dict[str, Any]], first: tuple[Record, dict[str, Any]], seed: int) -> Ratio | None:
    """Pair the blocks if both results are from one session; otherwise treat them as independent."""
    a, b = blocks_ms(one[1], "predict"), blocks_ms(first[1], "predict")
    if min(len(a), len(b)) < LEAST_BLOCKS:
        return None
    if one[1] is first[1]:
        return Ratio(1.0, 1.0, 1.0)
    if one[0] is first[0] and len(a) == len(b):
        return paired_ratio(a, b, seed)
    return unpaired_ratio(a, b, seed)
