"""What a run of the loop was like: edgevision.run/1 for programs, a few lines for people."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

SCHEMA = "edgevision.run/1"
Ending = Literal["end", "limit", "signal", "error"]
Spread = dict[str, float | None]
"""p50, p95, p99 and max in milliseconds."""


@dataclass(frozen=True, slots=True)
class SinkCount:
    """How one output fared."""

    spec: str
    written: int
    dropped: int
    errors: int
    message: str | None = None
    """The last error."""


@dataclass(frozen=True, slots=True)
class RunSummary:
    """The whole run. Unknown is None."""

    model: dict[str, Any]
    """path, name, sha256, task."""
    source: str
    engine: dict[str, Any]
    """requested, used, runtime, version, threads, fallback_reason."""
    frames: int
    """Recognised."""
    dropped: int
    errors: int
    """Pictures that could not be read, and frames the engine failed on."""
    reconnects: int
    seconds: float
    """From the start of the loop to its end."""
    rate_fps: float | None
    first_prediction_ms: float | None
    """From the start of the command."""
    stages_ms: dict[str, Spread]
    """read (waiting for the frame), prepare, infer, decode, write (handing it to all outputs)."""
    age_ms: Spread
    """From the capture of a frame to its prediction; live sources only."""
    memory_mb: dict[str, float | None]
    """start, end, peak."""
    temperature_c: float | None
    throttled: list[str] | None
    sinks: tuple[SinkCount, ...]
    stopped_by: Ending
    message: str | None = None
    """What went wrong, when an error ended it."""

    def to_json(self) -> dict[str, Any]:
        """Plain values, ``schema`` first."""
        return {"schema": SCHEMA, **asdict(self)}

    def describe(self) -> list[str]:
        """Lines for people: counts, stages, memory."""
        rate = f", {self.rate_fps:.1f} frames/s" if self.rate_fps else ""
        lost = f"{self.dropped} dropped, {_count(self.errors, 'error')} (stopped by: {self.stopped_by})"
        lines = [f"{_count(self.frames, 'frame')} in {self.seconds:.2f} s{rate}, {lost}"]
        stages = [
            f"{name} {_ms(spread['p50'])}/{_ms(spread['p95'])}"
            for name, spread in self.stages_ms.items()
            if spread["p50"] is not None
        ]
        if stages:
            lines.append(f"ms a frame, p50/p95: {', '.join(stages)}" + self._age())
        start, end, peak = (self.memory_mb[key] for key in ("start", "end", "peak"))
        if end is not None:
            lines.append(f"memory {start or 0:.0f} MB at the start, {end:.0f} at the end, {peak or end:.0f} at most")
        lines += [
            f"output {sink.spec}: {_count(sink.errors, 'error')}, {sink.dropped} dropped"
            for sink in self.sinks
            if sink.errors or sink.dropped
        ]
        return lines

    def _age(self) -> str:
        return "" if self.age_ms["p50"] is None else f"; age {_ms(self.age_ms['p50'])}/{_ms(self.age_ms['p95'])}"


def model_facts(model: object) -> dict[str, Any]:
    """Which model ran; a stand-in without a file gives nulls."""
    card = getattr(model, "card", None)
    path = getattr(model, "path", None)
    return {
        "path": None if path is None else str(path),
        "name": getattr(card, "name", None),
        "sha256": getattr(model, "sha256", None),
        "task": getattr(card, "task", None),
    }


def engine_facts(model: object) -> dict[str, Any]:
    """What ran it."""
    engine = getattr(model, "engine", None)
    facts = {key: getattr(engine, key, None) for key in ("runtime", "version", "threads")}
    return {"requested": "cpu", "used": "cpu", **facts, "fallback_reason": None}


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")


def _ms(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:.0f}" if value >= 99.5 else f"{value:.1f}" if value >= 0.095 else f"{value:.2f}"
