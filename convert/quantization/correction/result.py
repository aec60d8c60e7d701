"""Records of a repair: its steps, layer errors and result."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ...options import RepairEffort
from .range_calibration import MINMAX


@dataclass(frozen=True, slots=True)
class Step:
    """One repair step."""

    name: str
    before: float
    """Distance from the float model on the selection set; smaller is better."""
    after: float
    measure: str
    """``kl`` (nats), ``relative_error``, ``detection`` (scores in nats and lost overlap of the boxes) or ``points`` (nats)."""
    kept: bool
    seconds: float

    @property
    def roughly_corrected(self) -> bool:
        """Whether both distances are measured after a rough bias correction, unlike those of the other steps."""
        return self.name.startswith("ranges ")


@dataclass(frozen=True, slots=True)
class LayerError:
    """Quantization error of one layer's output."""

    name: str
    """Name of the Keras layer."""
    op: str
    snr_db_before: float
    """Signal-to-noise ratio in dB, on the selection set."""
    snr_db_after: float
    action: str
    """What the repair changed in the layer, or ``none``."""


@dataclass(frozen=True, slots=True)
class Distance:
    """Distance of an int8 model from float on the selection set."""

    value: float
    """Mean distance, in the unit of ``Step.measure``."""
    same: int
    """Number of images with the same top answer; of a detector, of boxes or points with a partner in the other model."""
    pictures: int
    boxes: int | None = None
    """Number of boxes or points of both models; None for a classifier."""

    @property
    def total(self) -> int:
        """Number of which ``same`` are the same."""
        return self.pictures if self.boxes is None else self.boxes

    def to_json(self) -> dict[str, Any]:
        """Return the record as in the report."""
        found = {"value": round(self.value, 6), "same": self.same, "pictures": self.pictures}
        return found if self.boxes is None else {**found, "boxes": self.boxes}


@dataclass(frozen=True, slots=True, eq=False)
class RepairResult:
    """The repaired model and the record of the repair."""

    flatbuffer: bytes
    """Repaired model; its operator graph is that of the given one."""
    effort: RepairEffort
    steps: tuple[Step, ...] = ()
    layers: tuple[LayerError, ...] = ()
    """Layers in execution order."""
    activation_range: str = MINMAX
    """``minmax``, or the percentile that replaced it."""
    before: Distance | None = None
    """Distance of the given model."""
    after: Distance | None = None
    note: str | None = None
    """Steps that could not be tried, and why."""

    @property
    def worst_layers(self) -> tuple[LayerError, ...]:
        """The three layers with the lowest signal-to-noise ratio after the repair, the worst first."""
        return tuple(sorted(self.layers, key=lambda layer: layer.snr_db_after)[:3])

    @property
    def kept(self) -> list[str]:
        """Names of the steps that were kept."""
        return [step.name for step in self.steps if step.kept]

    def to_json(self) -> dict[str, Any]:
        """Return the field ``repair`` of the conversion report."""
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
        """Return the field ``layers`` of the conversion report."""
        return [
            {"name": e.name, "op": e.op, "snr_db_before": e.snr_db_before, "snr_db_after": e.snr_db_after,
             "action": e.action} for e in self.layers
        ]  # fmt: skip
