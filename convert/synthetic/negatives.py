"""Drawn negatives: surfaces, abstract shapes and blind cameras, which show no class that anybody trains."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from edgevision.types import Frame

from .backgrounds import background
from .image_sets import random_of
from .scene import ASPECT, expose, random_light
from .shapes import Canvas, Points, blade, ellipse, fill, polar, turned

Random = np.random.Generator
MAX_SHAPES = 12


def draw_negatives(count: int, seed: int, width: int = 320) -> Iterator[Frame]:
    """Yield ``count`` RGB images of none of the usual classes, ``width`` pixels wide; each depends on seed and number only.

    A third each shows a bare surface, abstract shapes on a surface, and shapes on shapes; every tenth is what a covered or
    dazzled camera gives.
    """
    for number in range(count):
        yield draw_negative(random_of(seed, "negative", number), number, width)


def draw_negative(random: Random, number: int, width: int) -> Frame:
    """Draw one negative; ``number`` decides its kind."""
    height = round(width / ASPECT)
    canvas = background(random, width, height)
    if number % 10 == 9:
        canvas[:] = random.uniform(0.0, 20.0) if random.random() < 0.5 else random.uniform(235.0, 255.0)
    elif number % 3:
        low, high = ((2, 5), (6, MAX_SHAPES))[number % 3 - 1]
        for _ in range(int(random.integers(low, high + 1))):
            _shape(canvas, random)
    return Frame(expose(canvas, random_light(random), random), "RGB")


def _shape(canvas: Canvas, random: Random) -> None:
    """Paint one random outline in one color. Changes ``canvas``."""
    height, width = canvas.shape[:2]
    size = random.uniform(0.06, 0.45) * height
    middle = random.uniform(0.0, 1.0, 2) * (width, height)
    color = tuple(random.uniform(10.0, 245.0, 3))
    outline = turned(_outline(random), random.uniform(0.0, 2.0 * np.pi)) * size + middle
    fill(canvas, outline, color, random.uniform(0.0, 0.4), random.uniform(0.0, 2.0 * np.pi))


def _outline(random: Random) -> Points:
    """Return a random outline around the origin, about as large as the unit circle."""
    kind = int(random.integers(4))
    if kind == 0:
        return ellipse(0.0, 0.0, 1.0, random.uniform(0.2, 1.0))
    if kind == 1:
        return blade(2.0, random.uniform(0.3, 1.2), 0.0, (-1.0, 0.0))
    if kind == 2:  # a rectangle
        return np.array([[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]]) * (1.0, random.uniform(0.1, 1.0))
    return polar(random.uniform(0.3, 1.0, int(random.integers(3, 12))))
