"""Random changes of training images together with their boxes: crop or expand, flip, color, mosaic."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    from edgevision.types import Pixels

    Floats = npt.NDArray[np.float32]
    Indices = npt.NDArray[np.intp]

FILL = 114
"""Value outside the image, the customary gray of detectors."""
MIN_VISIBLE = 0.35
"""Share of an object that must remain in the crop; with less, it counts as background."""
EXPAND = 0.6
"""Share of the zoom by which the part may be larger than the image; it then has a gray border."""
ASPECT = 0.2
"""Largest relative change of the aspect ratio of a crop."""
WHOLE: Floats = np.asarray([0.0, 0.0, 1.0, 1.0], np.float32)
MOSAIC_MIDDLE = (0.35, 0.65)
"""Range of the point where four images meet, as a share of the side."""
LEVELS = np.arange(256)
HUES = 180
"""Number of hues in OpenCV's bytes."""
TRIES = 8
"""Draws of a crop until it shows at least one of the objects."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One training image with its objects."""

    pixels: Pixels
    """uint8 (side, side, 3), RGB."""
    boxes: Floats
    """(n, 4) as x0, y0, x1, y1, 0..1 of the side."""
    classes: npt.NDArray[np.int32]
    """(n,)"""


@dataclass(frozen=True, slots=True)
class BoxAugmentation:
    """Limits of the random changes; each amount is drawn for each image."""

    flip: str = "none"
    """none, horizontal, vertical or both; each direction with probability 0.5."""
    zoom: float = 0.0
    """0..0.9, share by which the part that is shown is smaller than the image; it may be larger by EXPAND times that."""
    brightness: float = 0.0
    """0..1 of the full range, up or down."""
    contrast: float = 0.0
    """0..1, proportion by which the distance from the mean grows or shrinks."""
    saturation: float = 0.0
    """0..1, proportion by which the saturation grows or shrinks."""
    hue: float = 0.0
    """0..0.5, share of the color circle, in either direction."""
    mosaic: float = 0.0
    """Probability of combining four images."""

    def describe(self) -> str:
        """Return a readable summary: ``flip horizontal, zoom 0.5`` or ``none``."""
        parts = [f"flip {self.flip}"] if self.flip != "none" else []
        parts += [f"{f.name} {getattr(self, f.name):g}" for f in fields(self)[1:] if getattr(self, f.name)]
        return ", ".join(parts) or "none"


PRESETS = {
    "none": BoxAugmentation(),
    "light": BoxAugmentation("horizontal", zoom=0.5, brightness=0.15, contrast=0.2, saturation=0.3, hue=0.02),
    "strong": BoxAugmentation("horizontal", zoom=0.7, brightness=0.25, contrast=0.3, saturation=0.5, hue=0.04),
}


def augmented(sample: Sample, side: int, limits: BoxAugmentation, random: np.random.Generator) -> Sample:
    """Return a random version of an image, ``side`` pixels wide."""
    part = _part(sample, limits, random)
    cropped = _cropped(sample, part, side)
    flipped = _flipped(cropped, limits.flip, random)
    return Sample(_colored(flipped.pixels, limits, random), flipped.boxes, flipped.classes)


def mosaic(samples: Sequence[Sample], side: int, random: np.random.Generator) -> Sample:
    """Return four images around a random point, each squeezed into its quarter.

    A. Bochkovskiy et al., 2020, YOLOv4 (arXiv:2004.10934), section 3.3.
    """
    x, y = (round(side * value) for value in random.uniform(*MOSAIC_MIDDLE, 2))
    quarters = [(0, 0, x, y), (x, 0, side, y), (0, y, x, side), (x, y, side, side)]
    pixels = np.empty((side, side, 3), np.uint8)
    boxes = []
    for sample, (x0, y0, x1, y1) in zip(samples, quarters, strict=True):
        size = np.asarray([x1 - x0, y1 - y0])
        pixels[y0:y1, x0:x1] = _warped(sample.pixels, WHOLE, (x1 - x0, y1 - y0))
        boxes.append((sample.boxes * np.tile(size, 2) + np.asarray([x0, y0, x0, y0])) / side)
    classes = np.concatenate([sample.classes for sample in samples])
    return Sample(pixels, np.concatenate(boxes).astype(np.float32), classes)


def _part(sample: Sample, limits: BoxAugmentation, random: np.random.Generator) -> Floats:
    """Return the part of the image to show, (4,) as x0, y0, x1, y1 relative to the image; it shows an object."""
    if not limits.zoom:
        return WHOLE
    for _ in range(TRIES):
        size = random.uniform(1.0 - limits.zoom, 1.0 + EXPAND * limits.zoom) * np.ones(2)
        size *= np.exp(random.uniform(-ASPECT, ASPECT) * np.asarray([0.5, -0.5]))
        start = random.uniform(np.minimum(0.0, 1.0 - size), np.maximum(0.0, 1.0 - size))
        part = np.concatenate([start, start + size]).astype(np.float32)
        if not len(sample.boxes) or _visible(sample.boxes, part).max() >= MIN_VISIBLE:
            return part
    return WHOLE


def _cropped(sample: Sample, part: Floats, side: int) -> Sample:
    """Return the part of the image at the new size, with the boxes clipped and those almost outside removed."""
    keep = _visible(sample.boxes, part) >= MIN_VISIBLE
    start, size = np.tile(part[:2], 2), np.tile(part[2:] - part[:2], 2)
    boxes = np.clip((sample.boxes[keep] - start) / size, 0.0, 1.0).astype(np.float32)
    return Sample(_warped(sample.pixels, part, (side, side)), boxes, sample.classes[keep])


def _warped(pixels: Pixels, part: Floats, size: tuple[int, int]) -> Pixels:
    """Return a part of an image, relative to it, at a size of (width, height) pixels."""
    height, width = pixels.shape[:2]
    shown = (part[2:] - part[:2]) * np.asarray([width, height])
    scale = np.asarray(size) / shown
    # Pixel centers: output pixel i shows the input at (i + 0.5) / scale + start - 0.5.
    shift = 0.5 * scale - 0.5 - part[:2] * np.asarray([width, height]) * scale
    matrix = np.asarray([[scale[0], 0, shift[0]], [0, scale[1], shift[1]]], np.float32)
    border = {"borderMode": cv2.BORDER_CONSTANT, "borderValue": (FILL,) * 3}
    if tuple(part) == tuple(WHOLE):  # no border: the outermost pixels would fade into it
        border = {"borderMode": cv2.BORDER_REPLICATE}
    return np.asarray(cv2.warpAffine(pixels, matrix, size, flags=cv2.INTER_LINEAR, **border))  # type: ignore[call-overload]


def _visible(boxes: Floats, part: Floats) -> Floats:
    """Return the share of each box that is within the part, (n,)."""
    low, high = np.maximum(boxes[:, :2], part[:2]), np.minimum(boxes[:, 2:], part[2:])
    area = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)
    return np.asarray(np.prod(np.maximum(high - low, 0.0), axis=1) / np.maximum(area, 1e-9), np.float32)


def _flipped(sample: Sample, flip: str, random: np.random.Generator) -> Sample:
    pixels, boxes = sample.pixels, sample.boxes
    mirror_x, mirror_y = random.random(2) < 0.5
    if mirror_x and flip in ("horizontal", "both"):
        pixels, boxes = pixels[:, ::-1], np.stack([1 - boxes[:, 2], boxes[:, 1], 1 - boxes[:, 0], boxes[:, 3]], axis=1)
    if mirror_y and flip in ("vertical", "both"):
        pixels, boxes = pixels[::-1], np.stack([boxes[:, 0], 1 - boxes[:, 3], boxes[:, 2], 1 - boxes[:, 1]], axis=1)
    return Sample(np.ascontiguousarray(pixels), boxes, sample.classes)


def _colored(pixels: Pixels, limits: BoxAugmentation, random: np.random.Generator) -> Pixels:
    """Return the image with another brightness, contrast, saturation and hue."""
    bright, contrast, saturation, hue = random.uniform(-1.0, 1.0, 4)
    if limits.saturation or limits.hue:
        hues, saturations, values = cv2.split(cv2.cvtColor(pixels, cv2.COLOR_RGB2HSV))
        hues = cv2.LUT(hues, ((LEVELS + round(HUES * hue * limits.hue)) % HUES).astype(np.uint8))
        saturations = cv2.LUT(saturations, _bytes(LEVELS * (1.0 + saturation * limits.saturation)))
        pixels = np.asarray(cv2.cvtColor(cv2.merge([hues, saturations, values]), cv2.COLOR_HSV2RGB))
    around = (LEVELS - 127.5) * (1.0 + contrast * limits.contrast) + 127.5
    return np.asarray(cv2.LUT(pixels, _bytes(around + 255.0 * bright * limits.brightness)))


def _bytes(values: npt.NDArray[np.float64]) -> Pixels:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)
