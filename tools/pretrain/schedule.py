"""The plan of a run (image sides, epochs, decay) and the resulting learning rate."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from edgevision.errors import BadInput
from edgevision.files import atomic

PLAN_FILE = "plan.json"


@dataclass(frozen=True, slots=True)
class Plan:
    """Warm-up, stable part and decay; the end may be moved while the run is in the stable part."""

    phases: tuple[tuple[int, int], ...] = ((64, 12), (96, 26))
    """Phases in order: (image side in pixels, epochs)."""
    decay_epochs: float = 12.0
    """Length of the final decay of the learning rate to zero (epochs)."""
    peak_rate: float = 0.1
    """Learning rate of the stable part."""
    warmup_epochs: float = 0.3

    def __post_init__(self) -> None:
        lengths = (self.decay_epochs, self.warmup_epochs)
        if not all(math.isfinite(v) and v >= 0 for v in lengths):
            raise BadInput(f"the decay and warm-up of a plan must be 0 epochs or more, got {lengths}")
        if not (math.isfinite(self.peak_rate) and self.peak_rate > 0):
            raise BadInput(f"the peak rate of a plan must be above 0, got {self.peak_rate}")

    @property
    def epochs(self) -> int:
        """Total epochs of all phases."""
        return sum(epochs for _, epochs in self.phases)

    def side(self, epoch: int) -> int:
        """Return the image side (pixels) in an epoch, counted from 0; beyond the end, that of the last phase."""
        for side, epochs in self.phases:
            if epoch < epochs:
                return side
            epoch -= epochs
        return self.phases[-1][0]

    def rate(self, progress: float) -> float:
        """Return the learning rate after ``progress`` epochs, which may be fractional."""
        warm = min(1.0, progress / self.warmup_epochs) if self.warmup_epochs else 1.0
        fall = min(1.0, (self.epochs - progress) / self.decay_epochs) if self.decay_epochs else 1.0
        return self.peak_rate * max(0.0, min(warm, fall))


def parse_phases(text: str) -> tuple[tuple[int, int], ...]:
    """Parse ``64:12,96:6`` as ((64, 12), (96, 6)). Raises BadInput."""
    phases: list[tuple[int, int]] = []
    for part in text.split(","):
        side, _, epochs = part.strip().partition(":")
        if not (side.isdecimal() and epochs.isdecimal() and int(epochs) > 0):
            raise BadInput(f"expected phases as SIDE:EPOCHS, got {part!r}; for example 64:12,96:6")
        phases.append((checked_side(int(side)), int(epochs)))
    return tuple(phases)


def checked_side(side: int) -> int:
    """Check that the backbone can halve an image side five times, and return it. Raises BadInput."""
    if side < 32 or side % 32:
        raise BadInput(f"an image side must be a multiple of 32 pixels, got {side}")
    return side


def changed(plan: Plan, phases: str | None, **fields: float | None) -> Plan:
    """Return the plan with the given values (those that are not None). Raises BadInput."""
    given: dict[str, Any] = {name: value for name, value in fields.items() if value is not None}
    if phases is not None:
        given["phases"] = parse_phases(phases)
    return replace(plan, **given)


def write_plan(work: Path, plan: Plan) -> None:
    """Write the plan to the work folder of a run."""
    phases = ",".join(f"{side}:{epochs}" for side, epochs in plan.phases)
    atomic.write_text(work / PLAN_FILE, json.dumps({**asdict(plan), "phases": phases}, indent=1) + "\n")


def read_plan(work: Path) -> Plan:
    """Read the plan in the work folder of a run, written by ``write_plan`` or by hand; the default if there is none."""
    path = work / PLAN_FILE
    if not path.exists():
        return Plan()
    try:
        fields = json.loads(path.read_text())
        numbers = {name: float(value) for name, value in fields.items() if name != "phases"}
        return changed(Plan(), str(fields["phases"]), **numbers)
    except BadInput as fault:
        raise BadInput(f"{path}: {fault}") from None
    except (ValueError, KeyError, TypeError, AttributeError) as fault:
        raise BadInput(f"{path} is not a valid plan ({fault}); remove it and run the plan command") from None
