"""What is known of drift at one moment: for the status, the summary, the outputs and the page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

State = Literal["learning", "watching", "drifted"]
Reference = Literal["calibration", "baseline"]


@dataclass(frozen=True, slots=True)
class Distance:
    """How far the last hour was from the reference, in units of the distance of two unrelated calibration images."""

    value: float
    """The distance."""
    expected: float
    """The largest distance that counts as usual."""


@dataclass(frozen=True, slots=True)
class DriftStatus:
    """State of the comparison."""

    state: State
    """learning: the first day; watching: nothing moved; drifted: it did."""
    reference: Reference | None
    """What the last hour was compared with: the images of the conversion, or the first days here; None: nothing yet."""
    hours: float
    """Hours watched so far, in all runs."""
    measures: dict[str, Distance]
    """Distance of the features and of the scores; empty before the first hour is over."""

    def describe(self) -> str:
        """Return one line for display."""
        far = ", ".join(f"{name} {one.value:.2f} of {one.expected:.2f}" for name, one in self.measures.items())
        known = f" ({far}, against {self.reference})" if far else ""
        return f"drift: {self.state}, {self.hours:.0f} h watched{known}"
