"""Whole folders of drawn pictures: one sub-folder per class for learning, and a mixed set for calibration."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from zlib import crc32

import numpy as np

from edgevision.data import Frame
from edgevision.errors import BadInput, UnknownName, nearest
from edgevision.pictures import encode_jpeg

from .scene import draw_picture, draw_table
from .things import THINGS

CALIBRATION_SIZES = ((320, 240), (240, 320), (256, 256), (360, 202))
"""width, height in pixels: as varied as the pictures of several cameras."""
JPEG_QUALITY = 88
CALIBRATION_JPEG_QUALITY = 80


def draw_set(
    folder: Path,
    classes: Sequence[str],
    per_class: int,
    seed: int | Sequence[int],
    size: int = 160,
    step: Callable[[], None] = lambda: None,
) -> list[Path]:
    """Draws ``folder/CLASS/0000.jpg`` and so on, ``size`` pixels wide; calls ``step`` after each; the paths written.

    A picture depends on the seed, its class and its number only. Raises UnknownName, BadInput.
    """
    _check(classes, per_class, size)
    written = []
    for name in classes:
        (folder / name).mkdir(parents=True, exist_ok=True)
        for number in range(per_class):
            frame = draw_picture(name, _random(seed, name, number), size)
            written.append(_write(frame, folder / name / f"{number:04d}.jpg", JPEG_QUALITY))
            step()
    return written


def draw_calibration_set(folder: Path, count: int, seed: int) -> list[Path]:
    """Draws ``count`` pictures of several things each, of several sizes, into ``folder``; the paths written."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for number in range(count):
        width, height = CALIBRATION_SIZES[number % len(CALIBRATION_SIZES)]
        frame = draw_table(_random(seed, "table", number), width, height)
        written.append(_write(frame, folder / f"table-{number:02d}.jpg", CALIBRATION_JPEG_QUALITY))
    return written


def _check(classes: Sequence[str], per_class: int, size: int) -> None:
    for name in classes:
        if name not in THINGS:
            raise UnknownName(f"cannot draw {name!r}{nearest(name, list(THINGS))}; there are: {', '.join(THINGS)}")
    if len(set(classes)) != len(classes):
        raise BadInput(f"a class is named twice: {', '.join(classes)}")
    if per_class < 1 or size < 32:
        raise BadInput(f"a set has at least 1 picture per class, 32 pixels wide; got {per_class} and {size}")


def _random(seed: int | Sequence[int], name: str, number: int) -> np.random.Generator:
    seeds = [seed] if isinstance(seed, int) else list(seed)
    return np.random.default_rng([*seeds, crc32(name.encode()), number])


def _write(frame: Frame, path: Path, quality: int) -> Path:
    path.write_bytes(encode_jpeg(frame, quality))
    return path
