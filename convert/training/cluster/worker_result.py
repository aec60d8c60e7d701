"""What a training leaves on a machine that is not the chief."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

SCHEMA = "edgevision.train_worker/1"


@dataclass(frozen=True, slots=True)
class WorkerResult:
    """Result of a training on a machine that is not the chief, which has no run folder of its own."""

    rank: int
    """Index of this machine; that of the chief is 0."""
    machines: int
    """Number of machines."""
    chief_folder: str
    """Path of the run folder on the chief."""
    epochs: int
    """Number of epochs."""

    def to_json(self) -> dict[str, Any]:
        """Return the JSON document ``edgevision.train_worker/1``."""
        return {
            "schema": SCHEMA,
            "rank": self.rank,
            "machines": self.machines,
            "chief_folder": self.chief_folder,
            "epochs": self.epochs,
        }

    def lines(self) -> list[str]:
        """Return the lines of the summary."""
        return [f"machine {self.rank + 1} of {self.machines} is done; the chief has the model, in {self.chief_folder}"]
