"""The record of a finished training for anomalies, and its lines for the terminal."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from edgevision.model_file.card import AnomalyReference
from edgevision.next_command import command, run_command

from ..report.result import SCHEMA


@dataclass(frozen=True, slots=True)
class AnomalyResult:
    """Result of a training for anomalies. ``to_json`` returns its figures in a documented schema."""

    folder: Path
    """The run folder."""
    model: Path
    """Path of the int8 .tflite, which runs as it is."""
    photos: Path
    """Path of the photos."""
    network: str
    """Description of the backbone."""
    origin: str
    """Description of its weights."""
    core: int
    """Number of photos that the core set was chosen from."""
    reference: AnomalyReference
    """The core set and the limit."""
    wanted_rate: float
    """The wanted rate of false alarms, 0..1."""
    seconds: float
    """Duration of the training."""
    evaluation: None = None
    """Always None: without photos of defects there is nothing to evaluate on."""

    def to_json(self) -> dict[str, Any]:
        """Return the result as the JSON document ``edgevision.train/1``."""
        return {
            "schema": SCHEMA,
            "folder": str(self.folder),
            "model": str(self.model),
            "network": self.network,
            "weights": self.origin,
            "pictures": {"train": self.core, "val": self.reference.held_out, "test": 0},
            "epochs": 0,
            "threshold": None,
            "anomaly": asdict(self.reference),
            "metrics": None,
        }

    def lines(self) -> list[str]:
        """Return the lines for the terminal."""
        known = self.reference
        made = [
            f"network: {self.network}, {self.origin}",
            f"{known.patches} patches of {self.core} good photos; limit from {known.held_out} others",
            f"{self.model}: at most {100 * known.false_alarm_rate:.1f} % of good photos, on average, are called anomalous; "
            "how many defects are found is not known without photos of some",
        ]
        if known.false_alarm_rate > self.wanted_rate:
            needed = round(4 / self.wanted_rate)
            made.append(
                f"note: {known.held_out} held-out photos cannot promise {100 * self.wanted_rate:g} %; about {needed} photos can"
            )
        evaluated = command("evaluate", self.model, self.photos)
        return [
            *made,
            f"next: {run_command(str(self.model))}; with photos of defects, in a folder each beside good/: {evaluated}",
        ]
