"""How large the demo is, and what it was asked for."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from ..drawing import THINGS

GOAL = 0.97
"""Of the int8 model on pictures it never saw, 0..1: below it the demo counts as failed."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Numbers of pictures, epochs and frames. The usual ones keep the demo within two minutes on two cores."""

    train: int = 300
    """Pictures of each class to learn from."""
    val: int = 40
    """Pictures of each class to watch the training with."""
    test: int = 60
    """Pictures of each class that neither training nor conversion sees."""
    size: int = 160
    """Width of a picture in pixels."""
    epochs: int = 5
    """Of fine-tuning; the head's come before."""
    rounds: int = 2
    """How often each class comes by in the video."""
    frames: int = 20
    """Of the video, each time one comes by."""

    @property
    def pictures(self) -> int:
        """Of each class, altogether."""
        return self.train + self.val + self.test

    @property
    def clip_frames(self) -> int:
        """Of the whole video."""
        return self.rounds * self.frames * len(CLASSES)


CLASSES = tuple(THINGS)
"""What the demo tells apart."""


@dataclass(frozen=True, slots=True)
class DemoOptions:
    """What the demo was asked for."""

    runs: Path = Path("runs")
    """Where the run folder is made."""
    seed: int = 0
    """The same seed draws the same pictures and trains the same network."""
    quiet: bool = False
    plan: Plan = field(default_factory=Plan)
