"""Scenes of several objects with the box of each, for detectors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from edgevision.types import Frame

from .backgrounds import background
from .objects import THINGS
from .scene import Pose, Random, expose, place, random_light
from .shapes import Points

if TYPE_CHECKING:
    from .shapes import Canvas

Box = tuple[float, float, float, float]
"""Left, top, right and bottom in pixels, inside the image."""
SHARED = 0.75
"""Smallest distance of two objects, as a share of the sum of their radii: they may touch, but hardly cover each other."""
TRIES = 30
"""Attempts to find a place for an object."""


@dataclass(frozen=True, slots=True)
class BoxedObject:
    """An object in a drawn image."""

    name: str
    """Class name."""
    box: Box


@dataclass(frozen=True, slots=True, eq=False)
class BoxedScene:
    """A drawn image and its objects."""

    frame: Frame
    objects: tuple[BoxedObject, ...]


@dataclass(frozen=True, slots=True)
class Crowd:
    """How many objects a scene may have, and how large they are."""

    most: int = 4
    radii: tuple[float, float] = (0.1, 0.24)
    """Smallest and largest radius, as a share of the height."""


FEW_LARGE = Crowd()
MANY_SMALL = Crowd(30, (0.022, 0.04))
"""Objects such as screws on a belt: 10 to 20 pixels wide in a 256 pixel input."""


def draw_boxed_scene(
    random: Random, classes: Sequence[str], width: int, height: int, crowd: Crowd = FEW_LARGE
) -> BoxedScene:
    """Draw a random RGB image of objects; about every eighth image is empty."""
    canvas, light = background(random, width, height), random_light(random)
    count = 0 if random.random() < 0.125 else int(random.integers(1, crowd.most + 1))
    objects, poses = [], list[Pose]()
    for _ in range(count):
        pose = _free_pose(random, width / height, poses, crowd.radii)
        if pose is None:
            break
        poses.append(pose)
        name = str(random.choice(list(classes)))
        outline = place(canvas, THINGS[name](random), pose, light)
        objects.append(BoxedObject(name, clipped(outline, canvas)))
    return BoxedScene(Frame(expose(canvas, light, random), "RGB"), tuple(objects))


def clipped(outline: Points, canvas: Canvas) -> Box:
    """Return the box around an outline (pixels), clipped to the image."""
    height, width = canvas.shape[:2]
    (x0, y0), (x1, y1) = outline.min(axis=0), outline.max(axis=0)
    left, right = (round(min(max(float(x), 0.0), width), 2) for x in (x0, x1))
    top, bottom = (round(min(max(float(y), 0.0), height), 2) for y in (y0, y1))
    return left, top, right, bottom


def _free_pose(random: Random, aspect: float, taken: Sequence[Pose], radii: tuple[float, float]) -> Pose | None:
    """Return a pose fully in view and away from the others; None if none was found."""
    for _ in range(TRIES):
        radius = float(random.uniform(*radii))
        x, y = random.uniform(radius, aspect - radius), random.uniform(radius, 1.0 - radius)
        if all(np.hypot(x - one.x, y - one.y) > SHARED * (radius + one.radius) for one in taken):
            return Pose(float(x), float(y), radius, float(random.normal(0.0, 0.6)), float(random.uniform(0.8, 1.0)))
    return None
