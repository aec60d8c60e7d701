"""Why an Edge TPU could not be used."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Stage = Literal["library", "device", "model", "run", "crash", "hang", "start"]


@dataclass(frozen=True, slots=True)
class Failure:
    """The stage at which the trial failed, and the error message."""

    stage: Stage
    message: str
    runtime: str = ""
    """Name and version of the TFLite runtime; empty if the trial did not get that far."""
    library: str = ""
    """Version that libedgetpu reports."""
