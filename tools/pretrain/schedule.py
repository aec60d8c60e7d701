"""The plan of a run (sizes, epochs, decay) and the learning rate that follows from it."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path


class PlanError(ValueError):
    """A plan that cannot be read; the message is one line for the user."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Warm-up, stable, decay: the end may be moved while the run is in its stable part."""

    phases: tuple[tuple[int, int], ...]  # (side in pixels, epochs), in order
    decay_epochs: float  # length of the final fall to zero
    peak_rate: float  # learning rate of the stable part
    warmup_epochs: float = 1.0

    @property
    def epochs(self) -> int:
        """All epochs of all phases."""
        return sum(epochs for _, epochs in self.phases)

    def side(self, epoch: int) -> int:
        """Picture side in pixels of an epoch (from 0); the last phase's beyond the end."""
        for side, epochs in self.phases:
            if epoch < epochs:
                return side
            epoch -= epochs
        return self.phases[-1][0]

    def rate(self, progress: float) -> float:
        """Learning rate after `progress` epochs (a fraction counts)."""
        warm = min(1.0, progress / self.warmup_epochs) if self.warmup_epochs else 1.0
        fall = min(1.0, (self.epochs - progress) / self.decay_epochs) if self.decay_epochs else 1.0
        return self.peak_rate * max(0.0, min(warm, fall))


def parse_phases(text: str) -> tuple[tuple[int, int], ...]:
    """'64:12,96:6' -> ((64, 12), (96, 6)). Sides are multiples of 32, as the backbone halves five times."""
    phases: list[tuple[int, int]] = []
    for part in text.split(","):
        side, colon, epochs = part.strip().partition(":")
        if not (colon and side.isdecimal() and epochs.isdecimal()):
            raise PlanError(f"phase {part!r} is not SIDE:EPOCHS; write for example 64:12,96:6")
        if int(side) < 32 or int(side) % 32 or int(epochs) < 1:
            raise PlanError(f"phase {part!r}: the side must be a multiple of 32 and the epochs at least 1")
        phases.append((int(side), int(epochs)))
    return tuple(phases)


def write_plan(path: Path, plan: Plan) -> None:
    """Write the plan aside and rename it into place."""
    fields = {
        "phases": ",".join(f"{side}:{epochs}" for side, epochs in plan.phases),
        "decay_epochs": plan.decay_epochs,
        "peak_rate": plan.peak_rate,
        "warmup_epochs": plan.warmup_epochs,
    }
    aside = path.with_suffix(".tmp")
    aside.write_text(json.dumps(fields, indent=1) + "\n")
    os.replace(aside, path)


def read_plan(path: Path) -> Plan:
    """The plan in a file written by `write_plan` or by hand; raises PlanError."""
    try:
        fields = json.loads(path.read_text())
        plan = Plan(
            parse_phases(str(fields["phases"])),
            float(fields["decay_epochs"]),
            float(fields["peak_rate"]),
            float(fields.get("warmup_epochs", 1.0)),
        )
    except PlanError:
        raise
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as fault:
        raise PlanError(f"{path} is not a plan ({fault!r}); write it with the plan command") from None
    if min(plan.decay_epochs, plan.warmup_epochs) < 0 or plan.peak_rate <= 0:
        raise PlanError(f"{path}: epochs must not be negative and peak_rate must be above 0")
    return plan
