"""Random crops, flips and light colour changes: uint8 in, uint8 out, a few milliseconds a batch on one core."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    from edgevision.data import Pixels

LUMA = np.array([0.299, 0.587, 0.114])
"""ITU-R BT.601, of red, green and blue."""


@dataclass(frozen=True, slots=True)
class Augmentation:
    """How far the training pictures are changed."""

    area: tuple[float, float] = (0.5, 1.0)
    """Share of the picture that a crop keeps."""
    aspect: tuple[float, float] = (0.75, 4 / 3)
    """Width over height of a crop."""
    colour: float = 0.15
    """Brightness, contrast and saturation each change by up to this proportion."""


def augmented(pictures: Pixels, side: int, rng: np.random.Generator, rule: Augmentation) -> Pixels:
    """(N, height, width, 3) RGB -> (N, side, side, 3), each picture changed by draws from ``rng`` alone."""
    count = len(pictures)
    area = rng.uniform(*rule.area, count)
    narrowest, widest = np.log(rule.aspect)
    aspect = np.exp(rng.uniform(narrowest, widest, count))
    place = rng.random((count, 2))
    flip = rng.random(count) < 0.5
    colour = rng.uniform(1 - rule.colour, 1 + rule.colour, (count, 3))
    out = np.empty((count, side, side, 3), np.uint8)
    for i, picture in enumerate(pictures):
        crop = _crop(picture, area[i], aspect[i], place[i])
        # not on the way to a deployed model's tensor: plain resizing, for speed
        way = cv2.INTER_AREA if min(crop.shape[:2]) > side else cv2.INTER_LINEAR
        crop = cv2.resize(crop, (side, side), interpolation=way)  # noqa: TID251
        crop = cv2.transform(crop, _colour_matrix(*colour[i]))
        out[i] = crop[:, ::-1] if flip[i] else crop
    return out


def _crop(picture: Pixels, area: float, aspect: float, place: npt.NDArray[np.float64]) -> Pixels:
    """A part of the picture; ``place`` is the share (0..1) of the free rows and columns above and left of it."""
    height, width = picture.shape[:2]
    columns = min(width, max(1, round(float(np.sqrt(area * height * width * aspect)))))
    rows = min(height, max(1, round(float(np.sqrt(area * height * width / aspect)))))
    top, left = int(place[0] * (height - rows + 1)), int(place[1] * (width - columns + 1))
    return np.ascontiguousarray(picture[top : top + rows, left : left + columns])


def _colour_matrix(brightness: float, contrast: float, saturation: float) -> npt.NDArray[np.float64]:
    """(3, 4) affine map of RGB: saturation about the luma, contrast about the middle, then brightness."""
    mix = saturation * np.eye(3) + (1 - saturation) * np.tile(LUMA, (3, 1))
    offset = np.full((3, 1), brightness * (1 - contrast) * 127.5)
    return np.hstack([brightness * contrast * mix, offset])
