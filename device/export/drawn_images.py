"""Images for the self-test of a model that has none: colored shapes on a gradient, of sizes that try all of the resize."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from edgevision.types import Frame

SIZES = ((640, 360), (320, 240), (199, 301), (97, 61), (480, 640), (1280, 720))
"""Width and height in pixels: larger and smaller than the input, odd ones, and both orientations."""
SHAPES = 9
NOISY = 100_000
"""Images with fewer pixels get noise, which compresses badly."""


def drawn_frames(seed: int, count: int) -> Iterator[Frame]:
    """Yield images; the same seed gives the same ones."""
    chance = np.random.default_rng(seed)
    for number in range(count):
        yield _drawn(*SIZES[number % len(SIZES)], chance)


def _drawn(width: int, height: int, chance: np.random.Generator) -> Frame:
    rows, columns = np.mgrid[0:height, 0:width] / max(width, height)
    slopes = chance.uniform(-120, 120, (2, 3))
    pixels = 128 + rows[..., None] * slopes[0] + columns[..., None] * slopes[1]
    for _ in range(SHAPES):
        x, y = chance.uniform(0, width / max(width, height)), chance.uniform(0, height / max(width, height))
        across, down = chance.uniform(0.03, 0.3, 2)
        away = np.abs(columns - x) / across, np.abs(rows - y) / down
        inside = np.maximum(*away) < 1 if chance.random() < 0.5 else away[0] ** 2 + away[1] ** 2 < 1
        pixels[inside] = chance.uniform(0, 255, 3)
    if width * height < NOISY:
        pixels += chance.normal(0, 4, pixels.shape)
    return Frame(pixels.clip(0, 255).astype(np.uint8), "RGB")
