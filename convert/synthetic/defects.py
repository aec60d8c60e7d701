"""A generated product on a conveyor: good images of one surface, and images with scratches, stains and missing parts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from edgevision.preprocessing import decode
from edgevision.types import Frame

from .backgrounds import background

if TYPE_CHECKING:
    import numpy.typing as npt

    from .shapes import Canvas

Random = np.random.Generator
SIZE = 256
"""Side of the images in pixels."""
SHIFT = 12
"""Largest shift of the product in pixels."""


def write_product(folder: Path, product: int, good: int, defects: int, seed: int = 0) -> None:
    """Write ``good`` images of one product into good/, and ``defects`` of each kind into scratch/, stain/ and hole/."""
    kinds: dict[str, Callable[[Canvas, Random], None] | None] = {"good": None, **DEFECTS}
    for name, defect in kinds.items():
        (folder / name).mkdir(parents=True, exist_ok=True)
        for number in range(good if defect is None else defects):
            random = np.random.default_rng([seed, product, sorted(kinds).index(name), number])
            frame = draw(product, random, defect)
            (folder / name / f"{number:04d}.png").write_bytes(decode.encode_png(frame))


def draw(product: int, random: Random, defect: Callable[[Canvas, Random], None] | None = None) -> Frame:
    """Return an image of a product, with other light, place and noise each time; ``defect`` is drawn on the product."""
    surface = background(np.random.default_rng([product, 99]), SIZE + 2 * SHIFT, SIZE + 2 * SHIFT)
    if defect is not None:
        defect(surface, random)
    x, y = (int(place) for place in random.integers(0, 2 * SHIFT + 1, 2))
    seen = surface[y : y + SIZE, x : x + SIZE] * np.float32(random.uniform(0.92, 1.08))
    seen = cv2.GaussianBlur(seen, (0, 0), random.uniform(0.4, 0.9))
    seen += random.standard_normal(seen.shape, np.float32) * np.float32(random.uniform(1.5, 4.0))
    return Frame(np.clip(np.round(seen), 0, 255).astype(np.uint8), "RGB")


def _scratch(canvas: Canvas, random: Random) -> None:
    """Draw a thin bent line, brighter or darker. Changes ``canvas``."""
    x, y = random.uniform(60, canvas.shape[1] - 60, 2)
    angle, points = random.uniform(0, 2 * np.pi), []
    for _ in range(int(random.integers(12, 30))):
        points.append((x, y))
        angle += random.normal(0, 0.25)
        x, y = x + 4 * np.cos(angle), y + 4 * np.sin(angle)
    mask = np.zeros(canvas.shape[:2], np.float32)
    cv2.polylines(mask, [np.round(points).astype(np.int32)], False, 1.0, int(random.integers(1, 4)), cv2.LINE_AA)
    _shade(canvas, mask, random.choice([-1, 1]) * random.uniform(35, 70))


def _stain(canvas: Canvas, random: Random) -> None:
    """Darken or brighten a soft blob. Changes ``canvas``."""
    mask = _blob(canvas, random, random.uniform(8, 22))
    _shade(canvas, cv2.GaussianBlur(mask, (0, 0), 3.0), random.choice([-1, 1]) * random.uniform(25, 50))


def _hole(canvas: Canvas, random: Random) -> None:
    """Cut a part out: what is behind it is dark. Changes ``canvas``."""
    mask = _blob(canvas, random, random.uniform(6, 16))[..., None]
    canvas[:] = canvas * (1 - mask) + mask * np.float32(random.uniform(5, 35))


DEFECTS: dict[str, Callable[[Canvas, Random], None]] = {"scratch": _scratch, "stain": _stain, "hole": _hole}


def _blob(canvas: Canvas, random: Random, radius: float) -> npt.NDArray[np.float32]:
    """Return the mask, 0..1, of an irregular spot in the inner part of the canvas."""
    center = random.uniform(70, canvas.shape[1] - 70, 2)
    angles = np.linspace(0, 2 * np.pi, 12, endpoint=False)
    outline = center + (radius * random.uniform(0.7, 1.3, 12))[:, None] * np.stack([np.cos(angles), np.sin(angles)], 1)
    mask = np.zeros(canvas.shape[:2], np.float32)
    cv2.fillPoly(mask, [np.round(outline).astype(np.int32)], 1.0, cv2.LINE_AA)
    return mask


def _shade(canvas: Canvas, mask: npt.NDArray[np.float32], levels: float) -> None:
    canvas += mask[..., None] * np.float32(levels)
