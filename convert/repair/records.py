"""What a repair did and what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from .ranges import MINMAX

Effort = Literal["low", "normal", "high"]


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that was tried."""

    name: str
    before: float
    """Distance from the float model on the choosing pictures; smaller is better."""
    after: float
    measure: str
    """``kl`` (nats) or ``relative_error``."""
    kept: bool
    seconds: float


@dataclass(frozen=True, slots=True)
class LayerError:
    """How well a layer's output is kept."""

    name: str
    """The Keras layer's."""
    op: str
    snr_db_before: float
    """Decibels, on choosing pictures."""
    snr_db_after: float
    action: str
    """What was done about it."""


@dataclass(frozen=True, slots=True)
class Distance:
    """How far an int8 model is from float on the choosing pictures."""

    value: float
    """In the unit of ``Step.measure``."""
    same: int
    """Pictures with the same best answer."""
    pictures: int

    def to_json(self) -> dict[str, Any]:
        """As in the report."""
        return {"value": round(self.value, 6), "same": self.same, "pictures": self.pictures}


@dataclass(frozen=True, slots=True, eq=False)
class RepairResult:
    """The better model, and how it came about."""

    flatbuffer: bytes
    """Of the same operator graph as the one given."""
    effort: Effort
    steps: tuple[Step, ...] = ()
    layers: tuple[LayerError, ...] = ()
    """In the order in which they run."""
    range_method: str = MINMAX
    """``minmax``, or the percentile that was found better."""
    before: Distance | None = None
    """Of the model as it was given."""
    after: Distance | None = None
    note: str | None = None
    """What could not be tried, and why."""

    @property
    def worst_layers(self) -> tuple[LayerError, ...]:
        """The three that lose most after the repair, the worst first."""
        return tuple(sorted(self.layers, key=lambda layer: layer.snr_db_after)[:3])

    @property
    def kept(self) -> list[str]:
        """Names of the steps that helped."""
        return [step.name for step in self.steps if step.kept]

    def to_json(self) -> dict[str, Any]:
        """The field ``repair`` of the conversion's report."""
        steps = [
            {"name": s.name, "before": s.before, "after": s.after, "measure": s.measure, "kept": s.kept,
             "seconds": s.seconds} for s in self.steps
        ]  # fmt: skip
        return {
            "effort": self.effort,
            "steps": steps,
            "before": self.before.to_json() if self.before else None,
            "after": self.after.to_json() if self.after else None,
            "note": self.note,
        }

    def layers_json(self) -> list[dict[str, Any]]:
        """The field ``layers`` of the conversion's report."""
        return [
            {"name": e.name, "op": e.op, "snr_db_before": e.snr_db_before, "snr_db_after": e.snr_db_after,
             "action": e.action} for e in self.layers
        ]  # fmt: skip
