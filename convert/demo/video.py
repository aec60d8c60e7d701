"""The demo's video: one object after another moves across a table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from edgevision.errors import CannotWrite

from ..synthetic.backgrounds import background
from ..synthetic.objects import THINGS
from ..synthetic.scene import ASPECT, Pose, expose, place, random_light, random_pose

if TYPE_CHECKING:
    from collections.abc import Iterator

    from edgevision.types import Pixels

WIDTH, HEIGHT = 480, 360
FPS = 20.0
CODEC = "MJPG"
"""Motion JPEG, which every OpenCV wheel can write and read."""


@dataclass(frozen=True, slots=True)
class Clip:
    """A video and the class shown in each frame."""

    path: Path
    labels: tuple[str, ...]
    """Class name of each frame."""


def write_clip(
    path: Path,
    classes: Sequence[str],
    seed: int | Sequence[int],
    rounds: int = 2,
    frames: int = 20,
    step: Callable[[], None] = lambda: None,
) -> Clip:
    """Write a video that shows every class ``rounds`` times for ``frames`` frames each. Raises CannotWrite.

    ``step`` is called after each frame.
    """
    random = np.random.default_rng(seed)
    labels = []
    with video_writer(path) as write:
        for name in [name for _ in range(rounds) for name in random.permutation(list(classes)).tolist()]:
            for pixels in _passage(name, random, frames):
                write(pixels)
                labels.append(name)
                step()
    return Clip(path, tuple(labels))


@contextmanager
def video_writer(path: Path) -> Iterator[Callable[[Pixels], object]]:
    """Yield a function that adds an RGB frame of WIDTH x HEIGHT pixels to a video. Raises CannotWrite."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*CODEC), FPS, (WIDTH, HEIGHT))
    try:
        if not writer.isOpened():
            raise CannotWrite(
                f"cannot write the video {path}: OpenCV has no {CODEC} writer, or the folder is not writable"
            )
        yield lambda pixels: writer.write(cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))
    finally:
        writer.release()


def _passage(name: str, random: np.random.Generator, frames: int) -> Iterator[Pixels]:
    """Yield RGB frames of one object moving across its own background."""
    table, light = background(random, WIDTH, HEIGHT), random_light(random)
    parts, first = THINGS[name](random), random_pose(random)
    for pose in _way(first, random, frames):
        canvas = table.copy()
        place(canvas, parts, pose, light)
        yield expose(canvas, light, random)


def _way(start: Pose, random: np.random.Generator, frames: int) -> list[Pose]:
    """Return poses from one side to the other, with slight sway and rotation, nearly all of the object in view."""
    margin = 0.9 * start.radius
    ends = (margin, ASPECT - margin)
    left, right = ends if random.random() < 0.5 else ends[::-1]
    sway, turn = random.uniform(-0.05, 0.05), random.uniform(-0.5, 0.5)
    return [
        replace(
            start,
            x=left + (right - left) * t,
            y=start.y + sway * float(np.sin(2.0 * np.pi * t)),
            angle=start.angle + turn * (t - 0.5),
        )
        for t in np.linspace(0.0, 1.0, frames).tolist()
    ]
