"""Options and sizes of the demo."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from edgevision.settings import RUNS, SEED

from ..synthetic import THINGS

GOAL = 0.97
"""Minimum accuracy, 0..1, of the int8 model on held-out images; below it the demo fails."""


@dataclass(frozen=True, slots=True)
class DemoSizes:
    """Numbers of images, epochs and frames. With the defaults the demo takes less than two minutes on two cores."""

    train: int = 300
    """Training images per class."""
    val: int = 40
    """Validation images per class."""
    test: int = 60
    """Held-out images per class, used neither in training nor in conversion."""
    size: int = 160
    """Image width in pixels."""
    epochs: int = 5
    """Epochs of fine-tuning; those of the head come before."""
    rounds: int = 2
    """Number of appearances of each class in the video."""
    frames: int = 20
    """Video frames per appearance."""

    @property
    def pictures(self) -> int:
        """Total number of images per class."""
        return self.train + self.val + self.test

    @property
    def clip_frames(self) -> int:
        """Number of frames of the video."""
        return self.rounds * self.frames * len(CLASSES)


CLASSES = tuple(THINGS)
"""Class names of the demo."""


@dataclass(frozen=True, slots=True)
class DemoOptions:
    """Options of a demo run."""

    runs: Path = RUNS.field()
    """Parent of the run folder."""
    seed: int = SEED.field()
    """Random seed: the same seed draws the same images and trains the same network."""
    plan: DemoSizes = field(default_factory=DemoSizes)
