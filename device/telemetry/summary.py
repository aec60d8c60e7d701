"""Summary of a run of the loop: edgevision.run/1 for programs, a few lines for display."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from edgevision.reporting.terminal import printable

from .snapshot import Snapshot

if TYPE_CHECKING:
    from edgevision.engines.protocol import Engine, EngineChoice

    from ..stream.protocols import Predictor

SCHEMA = "edgevision.run/1"
Ending = Literal["end", "limit", "signal", "error"]
FIRST = ("model", "source", "engine")
"""Keys at the top of the file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSummary(Snapshot):
    """Counts and times of a whole run of the loop. Unknown values are None."""

    model: dict[str, Any]
    """path, name, sha256, task."""
    source: str
    """The source, without secrets."""
    engine: dict[str, Any]
    """requested, used, runtime, version, threads, fallback_reason."""
    stopped_by: Ending
    """Why the loop ended: end (of the source), limit, signal (Ctrl-C or SIGTERM) or error."""
    message: str | None = None
    """Error message, if an error ended the run."""
    counts: dict[str, dict[str, int]] = field(default_factory=dict)
    """Counting line -> forward and backward."""

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values, ``schema`` first."""
        values = asdict(self)
        return {"schema": SCHEMA, **{key: values[key] for key in FIRST}, **values}

    def describe(self) -> list[str]:
        """Return the lines of the snapshot, and why the run ended."""
        first, *others = Snapshot.describe(self)
        counts = [f"{name}: {one['forward']} forward, {one['backward']} backward" for name, one in self.counts.items()]
        return [f"{first} (stopped by: {self.stopped_by})", *map(printable, counts), *others]


def model_facts(model: Predictor) -> dict[str, Any]:
    """Return which model ran; a stand-in without a file gives nulls."""
    card, path = model.card, model.path
    return {
        "path": None if path is None else str(path),
        "name": None if card is None else card.name,
        "sha256": model.sha256,
        "task": None if card is None else card.task,
    }


def engine_facts(engine: Engine | None, choice: EngineChoice | None) -> dict[str, Any]:
    """Return the engine that ran a model; unknown values are None."""
    return {
        "requested": None if choice is None else choice.requested,
        "used": None if choice is None else choice.used,
        "fallback_reason": None if choice is None else choice.fallback_reason,
        "runtime": None if engine is None else engine.runtime,
        "version": None if engine is None else engine.version,
        "threads": None if engine is None else engine.threads,
    }
