"""Random crops, flips and light colour changes: uint8 in, uint8 out, on one core in a few milliseconds a batch."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from tools.pretrain.data import Pixels

GRAY = np.array([0.299, 0.587, 0.114])  # ITU-R BT.601 luma


@dataclass(frozen=True, slots=True)
class Augmentation:
    """How far the training pictures are changed."""

    area: tuple[float, float] = (0.35, 1.0)  # share of the picture that a crop keeps
    aspect: tuple[float, float] = (0.75, 1.333)  # width over height of a crop
    colour: float = 0.2  # brightness, contrast and saturation change by up to this proportion


def augmented(pictures: Pixels, side: int, rng: np.random.Generator, rule: Augmentation) -> Pixels:
    """(N, h, w, 3) RGB -> (N, side, side, 3), each picture changed by draws from `rng` alone."""
    count = len(pictures)
    area = rng.uniform(*rule.area, count)
    aspect = np.exp(rng.uniform(*np.log(rule.aspect), count))
    place = rng.random((count, 2))
    flip = rng.random(count) < 0.5
    colour = rng.uniform(1 - rule.colour, 1 + rule.colour, (count, 3))
    out = np.empty((count, side, side, 3), np.uint8)
    for i in range(count):
        crop = _crop(pictures[i], area[i], aspect[i], place[i])
        way = cv2.INTER_AREA if min(crop.shape[:2]) > side else cv2.INTER_LINEAR
        picture = cv2.resize(crop, (side, side), interpolation=way)
        if rule.colour:
            picture = cv2.transform(picture, _colour_matrix(*colour[i]))
        out[i] = picture[:, ::-1] if flip[i] else picture
    return out


def _crop(picture: Pixels, area: float, aspect: float, place: Pixels) -> Pixels:
    height, width = picture.shape[:2]
    wide = min(width, max(1, round(np.sqrt(area * height * width * aspect))))
    high = min(height, max(1, round(np.sqrt(area * height * width / aspect))))
    top, left = int(place[0] * (height - high + 1)), int(place[1] * (width - wide + 1))
    return np.ascontiguousarray(picture[top : top + high, left : left + wide])


def _colour_matrix(brightness: float, contrast: float, saturation: float) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """3x4 affine map of RGB: saturation towards gray, contrast about the middle, then brightness."""
    mix = saturation * np.eye(3) + (1 - saturation) * np.tile(GRAY, (3, 1))
    matrix = np.empty((3, 4))
    matrix[:, :3] = brightness * contrast * mix
    matrix[:, 3] = brightness * (1 - contrast) * 127.5
    return matrix
