"""Synthetic images for the self-test: a smooth background with simple shapes, whose parameters can be varied gradually."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import cos, pi, sin
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    from edgevision.types import Pixels

    Genes = npt.NDArray[np.float32]

SIZES = ((97, 131), (151, 113), (181, 127), (83, 149), (127, 127), (211, 95))
"""(width, height) in pixels: odd, portrait and landscape, smaller and larger than common inputs."""
FORMS = 7
GENES = 9
"""Number of parameters of a shape: kind, x, y, width, height, angle, red, green, blue; all 0..1."""


@dataclass(frozen=True, slots=True, eq=False)
class ProbePicture:
    """Parameters of a synthetic image."""

    width: int
    height: int
    corners: Genes
    """(2, 2, 3), colors of the background's corners, 0..1."""
    forms: Genes
    """(FORMS, GENES), shapes drawn one over the other."""

    def draw(self) -> Pixels:
        """Render the image as RGB uint8 (height, width, 3); the same parameters give the same bytes."""
        y = np.linspace(0.0, 1.0, self.height, dtype=np.float32)[:, np.newaxis]
        x = np.linspace(0.0, 1.0, self.width, dtype=np.float32)[np.newaxis, :]
        canvas = _background(self.corners, x, y)
        for form in self.forms:
            mask = _mask(form, x, y)[..., np.newaxis]
            canvas += (form[6:9] - canvas) * mask
        # Steps of four levels: just as informative, and half the size as PNG.
        return np.asarray((np.floor(canvas * 63.0 + 0.5) * 4).clip(0, 255), np.uint8)

    def varied(self, chance: np.random.Generator, amount: float) -> ProbePicture:
        """Return a similar image; ``amount`` is the standard deviation of a parameter's change, 0..1."""
        forms = self.forms.copy()
        row = chance.integers(FORMS)
        forms[row] = (forms[row] + amount * chance.standard_normal(GENES, np.float32)).clip(0.0, 1.0)
        corners = self.corners
        if chance.random() < 0.3:
            corners = (corners + amount * chance.standard_normal(corners.shape, np.float32)).clip(0.0, 1.0)
        return replace(self, forms=forms, corners=corners)


def random_picture(chance: np.random.Generator) -> ProbePicture:
    """Return an image with random colors and shapes."""
    width, height = SIZES[chance.integers(len(SIZES))]
    corners, forms = chance.random((2, 2, 3), np.float32), chance.random((FORMS, GENES), np.float32)
    return ProbePicture(width, height, corners, forms)


def _background(corners: Genes, x: Genes, y: Genes) -> Genes:
    """Interpolate bilinearly between the four corners."""
    x, y = x[..., np.newaxis], y[..., np.newaxis]
    top = corners[0, 0] * (1 - x) + corners[0, 1] * x
    bottom = corners[1, 0] * (1 - x) + corners[1, 1] * x
    return np.asarray(top * (1 - y) + bottom * y)


def _mask(form: Genes, x: Genes, y: Genes) -> Genes:
    """Return the coverage of each pixel by a shape, 0..1."""
    kind, turn = int(form[0] * 4.999), (float(form[5]) - 0.5) * pi
    dx, dy = x - form[1], y - form[2]
    u = (dx * cos(turn) + dy * sin(turn)) / (0.05 + 0.5 * float(form[3]))
    v = (dy * cos(turn) - dx * sin(turn)) / (0.05 + 0.5 * float(form[4]))
    if kind == 0:  # ellipse
        distance = u * u + v * v
    elif kind == 1:  # rectangle
        distance = np.maximum(np.abs(u), np.abs(v))
    elif kind == 2:  # soft spot
        return np.asarray(np.exp(-2.0 * (u * u + v * v)))
    elif kind == 3:  # ring
        distance = 1.0 + 3.0 * (np.abs(np.sqrt(u * u + v * v) - 0.8) - 0.25)
    else:  # stripes within a disk
        distance = np.maximum(u * u + v * v, 1.0 + np.sin(9.0 * u) * 0.5)
    return np.asarray(((1.0 - distance) * 8.0 + 0.5).clip(0.0, 1.0))
