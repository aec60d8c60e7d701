"""Options and sizes of the detection demo."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from edgevision.settings import RUNS, SEED

CLASSES = ("apple", "banana", "mug")
"""Class names of the detection demo."""
GOAL = 0.95
"""Minimum mAP50, 0..1, of the int8 detector on held-out images; below it the demo fails."""
COUNT_LINE = "0.5,1,0.5,0,middle"
"""The counting line: up the middle of the image, so that what goes right crosses forward."""
LINE_NAME = "middle"
COUNT_THRESHOLD = 0.5
"""Score from which an object is counted. The model's own threshold balances what is missed and what is invented on single
images; in a video, an invented object that lasts for three frames would be counted."""


@dataclass(frozen=True, slots=True)
class DetectionSizes:
    """Numbers of images and epochs. With the defaults the demo takes less than three minutes on two cores."""

    train: int = 240
    """Training images."""
    val: int = 40
    """Validation images."""
    test: int = 60
    """Held-out images, used neither in training nor in conversion."""
    width: int = 320
    """Image width in pixels."""
    image_size: int = 160
    """Side of the network's input in pixels."""
    epochs: int = 24
    per_lane: int = 4
    """Objects in each lane of the video."""

    @property
    def pictures(self) -> int:
        """Total number of images."""
        return self.train + self.val + self.test


@dataclass(frozen=True, slots=True)
class DetectionDemoOptions:
    """Options of a run of the detection demo."""

    runs: Path = RUNS.field()
    """Parent of the run folder."""
    seed: int = SEED.field()
    """Random seed: the same seed draws the same images and trains the same network."""
    plan: DetectionSizes = field(default_factory=DetectionSizes)
