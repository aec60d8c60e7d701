"""Summary of a run of the loop: edgevision.run/1 for programs, a few lines for display."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

from .snapshot import Snapshot

SCHEMA = "edgevision.run/1"
Ending = Literal["end", "limit", "signal", "error"]
FIRST = ("model", "source", "engine")
"""Keys at the top of the file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSummary(Snapshot):
    """The whole run. Unknown values are None."""

    model: dict[str, Any]
    """path, name, sha256, task."""
    source: str
    engine: dict[str, Any]
    """requested, used, runtime, version, threads, fallback_reason."""
    stopped_by: Ending
    message: str | None = None
    """Error message, if an error ended the run."""

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values, ``schema`` first."""
        values = asdict(self)
        return {"schema": SCHEMA, **{key: values[key] for key in FIRST}, **values}

    def describe(self) -> list[str]:
        """Return the lines of the snapshot, and why the run ended."""
        first, *others = Snapshot.describe(self)
        return [f"{first} (stopped by: {self.stopped_by})", *others]


def model_facts(model: object) -> dict[str, Any]:
    """Return which model ran; a stand-in without a file gives nulls."""
    card = getattr(model, "card", None)
    path = getattr(model, "path", None)
    return {
        "path": None if path is None else str(path),
        "name": getattr(card, "name", None),
        "sha256": getattr(model, "sha256", None),
        "task": getattr(card, "task", None),
    }


def engine_facts(model: object) -> dict[str, Any]:
    """Return the engine that ran the model; unknown values are None."""
    engine, choice = getattr(model, "engine", None), getattr(model, "choice", None)
    facts = {key: getattr(choice, key, None) for key in ("requested", "used", "fallback_reason")}
    return facts | {key: getattr(engine, key, None) for key in ("runtime", "version", "threads")}
