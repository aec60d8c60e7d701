"""The video of the detection demo: objects that cross a table in both directions, with the boxes and crossings known."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..synthetic.backgrounds import background
from ..synthetic.boxed_scene import BoxedObject, clipped
from ..synthetic.objects import THINGS
from ..synthetic.scene import ASPECT, Pose, Random, expose, place, random_light
from .video import HEIGHT, WIDTH, video_writer

if TYPE_CHECKING:
    from ..synthetic.shapes import ShapePart

LANES = 3
"""Lanes on the table; objects of one lane all move in the same direction and never overtake."""
GAP = 30
"""Frames between two objects of a lane."""
CROSSING_FRAMES = (60, 90)
"""Fewest and most frames of one way across the image; the same for all objects of a lane."""


@dataclass(frozen=True, slots=True)
class TrafficClip:
    """A video of objects that cross its middle."""

    path: Path
    frames: tuple[tuple[BoxedObject, ...], ...]
    """The objects of each frame, as far as they are in view."""
    rightward: int
    """Number of objects that crossed the middle from left to right."""
    leftward: int
    """Number of objects that crossed the middle from right to left."""


@dataclass(frozen=True, slots=True)
class _Traveler:
    """An object on its way."""

    name: str
    parts: list[ShapePart]
    pose: Pose
    start: int
    """Frame in which it enters."""
    way: int
    """Frames from one side to the other."""
    rightward: bool

    def at(self, frame: int) -> Pose | None:
        """Return its pose in a frame; None if it is out of view."""
        t = (frame - self.start) / self.way
        if not 0.0 <= t <= 1.0:
            return None
        ends = -self.pose.radius, ASPECT + self.pose.radius
        left, right = ends if self.rightward else ends[::-1]
        return replace(self.pose, x=left + (right - left) * t, angle=self.pose.angle + 0.4 * (t - 0.5))


def write_traffic(
    path: Path,
    classes: Sequence[str],
    seed: int | Sequence[int],
    per_lane: int = 4,
    step: Callable[[], None] = lambda: None,
) -> TrafficClip:
    """Write a video in which ``per_lane`` objects cross in each lane. Raises CannotWrite.

    ``step`` is called after each frame.
    """
    random = np.random.default_rng(seed)
    travelers = [one for lane in range(LANES) for one in _lane(lane, classes, random, per_lane)]
    table, light = background(random, WIDTH, HEIGHT), random_light(random)
    light = replace(light, gain=max(light.gain, 0.85), noise=min(light.noise, 5.0))
    frames = []
    with video_writer(path) as write:
        for number in range(frame_count(travelers)):
            canvas, seen = table.copy(), []
            for one in travelers:
                if (pose := one.at(number)) is not None:
                    box = clipped(place(canvas, one.parts, pose, light), canvas)
                    seen.append(BoxedObject(one.name, box))
            write(expose(canvas, light, random))
            frames.append(tuple(one for one in seen if one.box[0] < one.box[2]))
            step()
    rightward = sum(one.rightward for one in travelers)
    return TrafficClip(path, tuple(frames), rightward, len(travelers) - rightward)


def frame_count(travelers: Sequence[_Traveler]) -> int:
    """Return the number of frames until the last object has left."""
    return max(one.start + one.way for one in travelers) + 1


def _lane(lane: int, classes: Sequence[str], random: Random, count: int) -> list[_Traveler]:
    way, rightward = int(random.integers(*CROSSING_FRAMES)), lane % 2 == 0
    first = int(random.integers(0, GAP))
    travelers = []
    for number in range(count):
        radius = float(random.uniform(0.1, 0.14))
        pose = Pose(0.0, (lane + 0.5) / LANES, radius, float(random.normal(0.0, 0.4)), float(random.uniform(0.85, 1.0)))
        name = str(random.choice(list(classes)))
        travelers.append(_Traveler(name, THINGS[name](random), pose, first + number * GAP, way, rightward))
    return travelers
