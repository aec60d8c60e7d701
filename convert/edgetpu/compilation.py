"""Puts a compiled part into a finished model file, and records how much of the model it maps."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgevision.errors import BadModel
from edgevision.files.atomic import write_bytes
from edgevision.model_file import model_file
from edgevision.model_file.edgetpu_part import ENTRY, check_compiled_from, is_compiled

from .compiler import Attempt, compile_model
from .compiler_log import MappedOperator


@dataclass(frozen=True, slots=True)
class EdgeTpuCompilation:
    """The result of ``convert --edgetpu``."""

    attempts: tuple[Attempt, ...]
    """Runs of the compiler, at least one; the last one counts."""
    part_bytes: int | None
    """Size of the compiled part in the model file; None if it has none."""
    problem: str | None
    """Why the model file has no compiled part; None if it has one."""
    min_mapped: float | None
    """Share of the operators, 0..1, that are to be mapped; None without a limit."""

    @property
    def operators(self) -> tuple[MappedOperator, ...]:
        """What the compiler did with each type of operator."""
        return self.attempts[-1].log.operators

    @property
    def mapped(self) -> float:
        """Share of the operators on the Edge TPU, 0..1."""
        return (self.attempts[-1].log.mapped or 0.0) if self.part_bytes is not None else 0.0

    @property
    def met(self) -> bool:
        """Whether enough operators are mapped."""
        return self.min_mapped is None or self.mapped >= self.min_mapped

    def message(self) -> str:
        """Return one line on a limit that is not met."""
        left = [f"{one.count} {one.name} ({one.reason})" for one in self.operators if not one.edgetpu]
        why = f": on the CPU are {', '.join(left[:3])}" + (" and others" if len(left) > 3 else "") if left else ""
        wanted = f"{100 * (self.min_mapped or 0):g} %"
        return f"the Edge TPU runs {100 * self.mapped:.1f} % of the operators, but --min-mapped is {wanted}{why}"

    def to_json(self) -> dict[str, Any]:
        """Return the record as JSON values."""
        log = self.attempts[-1].log
        return {
            "version": log.version,
            "operators": [one.to_json() for one in self.operators],
            "subgraphs": log.subgraphs,
            "on_chip_bytes": log.on_chip_bytes,
            "off_chip_bytes": log.off_chip_bytes,
            "part_bytes": self.part_bytes,
            "problem": self.problem,
            "attempts": [one.to_json() for one in self.attempts],
            "min_mapped": self.min_mapped,
            "met": self.met,
        }


def compile_into(path: Path, program: Path, min_mapped_percent: float | None) -> EdgeTpuCompilation:
    """Compile a finished model file and store the part in it; the file stays as it is if that fails.

    Its card, self-test and graph do not change, so that it runs on the CPU as before. Raises CannotWrite.
    """
    file = model_file.read(path)
    assert file.card is not None  # the conversion has just written it
    attempts = compile_model(program, file.flatbuffer, len(file.graph().operators))
    part, limit = attempts[-1].flatbuffer, None if min_mapped_percent is None else min_mapped_percent / 100
    problem = attempts[-1].problem if part is None else _unusable(part, file)
    if part is None or problem is not None:
        return EdgeTpuCompilation(tuple(attempts), None, problem, limit)
    write_bytes(path, model_file.build(file.flatbuffer, file.card, {**file.files, ENTRY: part}))
    return EdgeTpuCompilation(tuple(attempts), len(part), None, limit)


def _unusable(part: bytes, file: model_file.ModelFile) -> str | None:
    """Return why a compiled model cannot be stored, None if it can."""
    try:
        if not is_compiled(part):
            return "it mapped no operator"
        check_compiled_from(part, file, "the result of edgetpu_compiler")
    except BadModel as error:
        return str(error)
    return None
