"""The plan of a run (picture sides, epochs, decay) and the learning rate that follows from it."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from edgevision import files
from edgevision.errors import BadInput

PLAN_FILE = "plan.json"


@dataclass(frozen=True, slots=True)
class Plan:
    """Warm-up, stable part, decay: the end may be moved while the run is in its stable part."""

    phases: tuple[tuple[int, int], ...] = ((64, 12), (96, 26))
    """(side in pixels, epochs), in order."""
    decay_epochs: float = 12.0
    """Length of the final fall of the rate to zero."""
    peak_rate: float = 0.1
    """Learning rate of the stable part."""
    warmup_epochs: float = 0.3

    def __post_init__(self) -> None:
        lengths = (self.decay_epochs, self.warmup_epochs)
        if not all(math.isfinite(v) and v >= 0 for v in lengths):
            raise BadInput(f"the decay and warm-up of a plan must be 0 epochs or more, not {lengths}")
        if not (math.isfinite(self.peak_rate) and self.peak_rate > 0):
            raise BadInput(f"the peak rate of a plan must be above 0, not {self.peak_rate}")

    @property
    def epochs(self) -> int:
        """Of all phases together."""
        return sum(epochs for _, epochs in self.phases)

    def side(self, epoch: int) -> int:
        """Picture side in pixels of an epoch (from 0); beyond the end, that of the last phase."""
        for side, epochs in self.phases:
            if epoch < epochs:
                return side
            epoch -= epochs
        return self.phases[-1][0]

    def rate(self, progress: float) -> float:
        """Learning rate after ``progress`` epochs (a fraction counts)."""
        warm = min(1.0, progress / self.warmup_epochs) if self.warmup_epochs else 1.0
        fall = min(1.0, (self.epochs - progress) / self.decay_epochs) if self.decay_epochs else 1.0
        return self.peak_rate * max(0.0, min(warm, fall))


def parse_phases(text: str) -> tuple[tuple[int, int], ...]:
    """``64:12,96:6`` as ((64, 12), (96, 6)). Raises BadInput."""
    phases: list[tuple[int, int]] = []
    for part in text.split(","):
        side, _, epochs = part.strip().partition(":")
        if not (side.isdecimal() and epochs.isdecimal() and int(epochs) > 0):
            raise BadInput(f"phase {part!r} is not SIDE:EPOCHS; write for example 64:12,96:6")
        phases.append((checked_side(int(side)), int(epochs)))
    return tuple(phases)


def checked_side(side: int) -> int:
    """A picture side that the backbone can halve five times. Raises BadInput."""
    if side < 32 or side % 32:
        raise BadInput(f"a picture side must be a multiple of 32 pixels, not {side}")
    return side


def changed(plan: Plan, phases: str | None, **fields: float | None) -> Plan:
    """The plan with the values that are given (not None). Raises BadInput."""
    given: dict[str, Any] = {name: value for name, value in fields.items() if value is not None}
    if phases is not None:
        given["phases"] = parse_phases(phases)
    return replace(plan, **given)


def write_plan(work: Path, plan: Plan) -> None:
    """Puts the plan into the work folder of a run."""
    phases = ",".join(f"{side}:{epochs}" for side, epochs in plan.phases)
    files.write_text(work / PLAN_FILE, json.dumps({**asdict(plan), "phases": phases}, indent=1) + "\n")


def read_plan(work: Path) -> Plan:
    """The plan in the work folder of a run, written by ``write_plan`` or by hand; the default where there is none."""
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
        raise BadInput(f"{path} is not a plan ({fault}); remove it and run the plan command") from None
