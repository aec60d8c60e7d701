"""Small trainings on drawn photos: seconds instead of minutes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from edgevision.convert import TrainSettings

TINY = TrainSettings(
    backbone="cnn",
    weights="none",
    image_size=16,
    cnn_filters=(8, 8),
    cnn_dense=16,
    epochs=8,
    learning_rate=0.01,
    dropout=0.1,
    batch_size=16,
)
COLORS = {"blue": (200, 60, 30), "green": (40, 190, 40), "red": (40, 50, 210), "white": (235, 235, 235)}


def picture(name: str, number: int, side: int = 40) -> np.ndarray:
    """Draw a colored disc on noise."""
    random = np.random.default_rng([number, sum(name.encode())])
    canvas = random.integers(60, 190, (side, side + number % 7, 3), np.uint8)
    center = tuple(int(n) for n in random.integers(12, side - 12, 2))
    for color in name.split("+"):
        cv2.circle(canvas, center, int(random.integers(11, 15)), COLORS[color], -1)
        center = (side - center[0], side - center[1])
    return canvas


def make_photos(folder: Path, classes: tuple[str, ...], count: int) -> Path:
    """Write class folders of drawn images."""
    for name in classes:
        (folder / name).mkdir(parents=True)
        for number in range(count):
            cv2.imwrite(str(folder / name / f"{number:03d}.png"), picture(name, number))
    return folder


def run(photos: Path, runs: Path, settings: TrainSettings = TINY, watcher: Any = None, **more: Any) -> Any:
    """Run one training through the API."""
    from edgevision.convert.training.monitor.observer import TrainingObserver
    from edgevision.convert.training.run import TrainRequest, train

    return train(TrainRequest(photos, settings, runs, **more), watcher or TrainingObserver())


def noting() -> Any:
    """Return a training observer that records the notes."""
    from edgevision.convert.training.monitor.observer import TrainingObserver

    class Noting(TrainingObserver):
        def __init__(self) -> None:
            self.notes: list[str] = []

        def note(self, text: str) -> None:
            self.notes.append(text)

    return Noting()


def noisy_photos(folder: Path, val: int) -> Path:
    """Draw two classes of noise, dark and bright, that overlap, with ``val`` validation images of each."""
    for part, count in (("train", 24), ("val", val), ("test", 20)):
        for name, level in (("dark", 100), ("bright", 140)):
            (folder / part / name).mkdir(parents=True)
            for number in range(count):
                random = np.random.default_rng([number, level, len(part)])
                pixels = random.normal(level + random.normal(0, 15), 20, (24, 24, 3)).clip(0, 255).astype(np.uint8)
                cv2.imwrite(str(folder / part / name / f"{number}.png"), pixels)
    return folder
