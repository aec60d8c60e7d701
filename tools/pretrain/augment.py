"""Random crops, flips and small color changes of uint8 images, in a few milliseconds per batch on one core."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    from edgevision.types import Pixels

LUMA = np.array([0.299, 0.587, 0.114])
"""Luma weights of red, green and blue (ITU-R BT.601)."""


@dataclass(frozen=True, slots=True)
class Augmentation:
    """Limits of the random changes of training images."""

    area: tuple[float, float] = (0.5, 1.0)
    """Share of the image that a crop keeps, 0..1."""
    aspect: tuple[float, float] = (0.75, 4 / 3)
    """Aspect ratio of a crop, width over height."""
    colour: float = 0.15
    """Largest relative change of brightness, contrast and saturation."""


def augmented(pictures: Pixels, side: int, rng: np.random.Generator, preprocessing: Augmentation) -> Pixels:
    """Return RGB images (N, height, width, 3) as (N, side, side, 3), each changed at random by ``rng``."""
    count = len(pictures)
    area = rng.uniform(*preprocessing.area, count)
    narrowest, widest = np.log(preprocessing.aspect)
    aspect = np.exp(rng.uniform(narrowest, widest, count))
    place = rng.random((count, 2))
    flip = rng.random(count) < 0.5
    colour = rng.uniform(1 - preprocessing.colour, 1 + preprocessing.colour, (count, 3))
    out = np.empty((count, side, side, 3), np.uint8)
    for i, picture in enumerate(pictures):
        crop = _crop(picture, area[i], aspect[i], place[i])
        # plain resizing, for speed; this is not the preprocessing of a deployed model
        way = cv2.INTER_AREA if min(crop.shape[:2]) > side else cv2.INTER_LINEAR
        crop = cv2.resize(crop, (side, side), interpolation=way)  # noqa: TID251
        crop = cv2.transform(crop, _colour_matrix(*colour[i]))
        out[i] = crop[:, ::-1] if flip[i] else crop
    return out


def _crop(picture: Pixels, area: float, aspect: float, place: npt.NDArray[np.float64]) -> Pixels:
    """Return a crop; ``place`` is the share (0..1) of the free rows above it and of the free columns left of it."""
    height, width = picture.shape[:2]
    columns = min(width, max(1, round(float(np.sqrt(area * height * width * aspect)))))
    rows = min(height, max(1, round(float(np.sqrt(area * height * width / aspect)))))
    top, left = int(place[0] * (height - rows + 1)), int(place[1] * (width - columns + 1))
    return np.ascontiguousarray(picture[top : top + rows, left : left + columns])


def _colour_matrix(brightness: float, contrast: float, saturation: float) -> npt.NDArray[np.float64]:
    """Return the (3, 4) affine map of RGB: saturation around the luma, contrast around the middle, then brightness."""
    mix = saturation * np.eye(3) + (1 - saturation) * np.tile(LUMA, (3, 1))
    offset = np.full((3, 1), brightness * (1 - contrast) * 127.5)
    return np.hstack([brightness * contrast * mix, offset])
