"""Background surfaces (table tops, cloths) as functions of the position, the same at any resolution."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from .shapes import Canvas

Random = np.random.Generator
Field = npt.NDArray[np.float32]
"""One value per pixel, (height, width)."""


def background(random: Random, width: int, height: int) -> Canvas:
    """Return a random surface of the given size. The same state of ``random`` gives the same surface at any size."""
    kind = SURFACES[int(random.integers(len(SURFACES)))]
    low, high = _pair(random)
    y = np.asarray((np.arange(height)[:, None] + 0.5) / height, np.float32)
    x = np.asarray((np.arange(width)[None, :] + 0.5) / height, np.float32)
    mix = np.clip(kind(random, x, y), 0.0, 1.0)[..., None]
    return (low + mix * (high - low)).astype(np.float32)


def _pair(random: Random) -> tuple[Field, Field]:
    """Return two shades of one muted color, the darker first."""
    base = random.uniform(70.0, 210.0) + random.uniform(-26.0, 26.0, 3)
    contrast = random.uniform(6.0, 36.0)
    return np.clip(base - contrast, 8, 247).astype(np.float32), np.clip(base + contrast, 8, 247).astype(np.float32)


def _plain(random: Random, x: Field, y: Field) -> Field:
    angle = random.uniform(0.0, 2.0 * np.pi)
    return _ramp(x, y, angle)


def _wood(random: Random, x: Field, y: Field) -> Field:
    across, along = (x, y) if random.random() < 0.5 else (y, x)
    grain = across * random.uniform(6.0, 14.0) + 0.35 * _waves(random, across * 0.6, along * 0.25, 3)
    plank = np.floor(along * random.uniform(2.0, 4.0))
    fine = 0.5 + 0.5 * np.sin(2.0 * np.pi * (grain + 0.37 * plank))
    return np.asarray(0.25 + 0.5 * fine + 0.2 * np.sin(plank * 2.4), np.float32)


def _checks(random: Random, x: Field, y: Field) -> Field:
    count = random.uniform(3.0, 9.0)
    u, v = _turn(x, y, random.uniform(0.0, np.pi / 2))
    return np.asarray((np.sin(u * count * np.pi) > 0) * 0.5 + (np.sin(v * count * np.pi) > 0) * 0.5, np.float32)


def _stripes(random: Random, x: Field, y: Field) -> Field:
    u, _ = _turn(x, y, random.uniform(0.0, np.pi))
    return np.asarray(0.5 + 0.5 * np.tanh(3.0 * np.sin(u * random.uniform(3.0, 10.0) * np.pi)), np.float32)


def _stone(random: Random, x: Field, y: Field) -> Field:
    veins = _waves(random, x, y, 7)
    return np.asarray(0.5 + 0.35 * veins + 0.2 * np.sin(4.0 * veins), np.float32)


def _tiles(random: Random, x: Field, y: Field) -> Field:
    count = random.uniform(2.0, 5.0)
    u, v = _turn(x, y, random.uniform(0.0, np.pi / 2))
    seam = np.minimum(np.abs((u * count) % 1.0 - 0.5), np.abs((v * count) % 1.0 - 0.5)) < 0.03
    column, row = np.floor(u * count + 0.5), np.floor(v * count + 0.5)
    return np.asarray(np.where(seam, 0.0, 0.7 + 0.2 * np.sin(column * 5.0 + row * 3.0)), np.float32)


def _cloth(random: Random, x: Field, y: Field) -> Field:
    folds = _waves(random, x * 0.5, y * 0.5, 3)
    weave = np.sin(x * 160.0) * np.sin(y * 160.0)
    return np.asarray(0.5 + 0.3 * folds + 0.08 * weave, np.float32)


SURFACES: tuple[Callable[[Random, Field, Field], Field], ...] = (
    _plain,
    _wood,
    _checks,
    _stripes,
    _stone,
    _tiles,
    _cloth,
)


def _waves(random: Random, x: Field, y: Field, count: int) -> Field:
    """Return a smooth random field of about -1..1: a sum of plane waves of random direction, wavelength and phase."""
    total = np.zeros(np.broadcast_shapes(x.shape, y.shape), np.float32)
    for _ in range(count):
        angle, turns, phase = random.uniform(0, 2 * np.pi), random.uniform(0.8, 4.0), random.uniform(0, 2 * np.pi)
        total += np.sin(2.0 * np.pi * turns * _ramp(x, y, angle) + phase)
    return total / np.float32(np.sqrt(count))


def _ramp(x: Field, y: Field, angle: float) -> Field:
    return np.asarray(x * np.float32(np.cos(angle)) + y * np.float32(np.sin(angle)), np.float32)


def _turn(x: Field, y: Field, angle: float) -> tuple[Field, Field]:
    return _ramp(x, y, angle), _ramp(x, y, angle + np.pi / 2)
