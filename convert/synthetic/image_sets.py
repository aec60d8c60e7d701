"""Folders of drawn images: one subfolder per class for training, and a mixed set for calibration."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from zlib import crc32

import numpy as np

from edgevision.errors import BadInput, UnknownName, nearest
from edgevision.preprocessing.decode import encode_jpeg
from edgevision.types import Frame

from .objects import THINGS
from .scene import draw_picture, draw_table

CALIBRATION_SIZES = ((320, 240), (240, 320), (256, 256), (360, 202))
"""Image sizes (width, height) in pixels, varied as if from several cameras."""
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
    """Draw ``folder/CLASS/0000.jpg`` and so on, ``size`` pixels wide, and return the paths written.

    ``step`` is called after each image. An image depends only on the seed, its class and its number. Raises
    UnknownName, BadInput.
    """
    check_set(classes, per_class, size)
    written = []
    for name in classes:
        (folder / name).mkdir(parents=True, exist_ok=True)
        for number in range(per_class):
            frame = draw_picture(name, random_of(seed, name, number), size)
            written.append(_write(frame, folder / name / f"{number:04d}.jpg", JPEG_QUALITY))
            step()
    return written


def draw_calibration_set(folder: Path, count: int, seed: int) -> list[Path]:
    """Draw ``count`` images of several objects each, in several sizes, into ``folder`` and return the paths written."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for number in range(count):
        width, height = CALIBRATION_SIZES[number % len(CALIBRATION_SIZES)]
        frame = draw_table(random_of(seed, "table", number), width, height)
        written.append(_write(frame, folder / f"table-{number:02d}.jpg", CALIBRATION_JPEG_QUALITY))
    return written


def check_set(classes: Sequence[str], per_class: int, size: int) -> None:
    """Refuse classes that cannot be drawn, and sets that are too small. Raises UnknownName, BadInput."""
    for name in classes:
        if name not in THINGS:
            raise UnknownName(f"cannot draw {name!r}{nearest(name, list(THINGS))}; available: {', '.join(THINGS)}")
    if len(set(classes)) != len(classes):
        raise BadInput(f"duplicate class in {', '.join(classes)}; give each class once")
    if per_class < 1 or size < 32:
        raise BadInput(
            f"a set needs at least 1 image per class and a width of at least 32 pixels, got {per_class} and {size}"
        )


def random_of(seed: int | Sequence[int], name: str, number: int) -> np.random.Generator:
    """Return the random stream of one image of a set, independent of the others."""
    seeds = [seed] if isinstance(seed, int) else list(seed)
    return np.random.default_rng([*seeds, crc32(name.encode()), number])


def _write(frame: Frame, path: Path, quality: int) -> Path:
    path.write_bytes(encode_jpeg(frame, quality))
    return path
