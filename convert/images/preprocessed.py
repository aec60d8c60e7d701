"""The images that make a model, decoded and preprocessed only once."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from edgevision.preprocessing.spec import Preprocessing
from edgevision.preprocessing.transform import pixels

from .calibration import Picture

if TYPE_CHECKING:
    from edgevision.types import Pixels

IN_MEMORY = 256_000_000
"""Maximum size in bytes kept in memory; larger arrays are memory-mapped from a temporary file."""


def prepare_all(found: Sequence[Picture], preprocessing: Preprocessing, step: Callable[[int], None]) -> Pixels:
    """Return the preprocessed images, uint8 (n, height, width, channels). Raises BadImage.

    ``step`` is called with the number of images done.
    """
    shape = (len(found), preprocessing.height, preprocessing.width, preprocessing.channels)
    array = _array(shape)
    for number, picture in enumerate(found):
        array[number] = pixels(picture.read(), preprocessing)
        step(number + 1)
    return array


def _array(shape: tuple[int, ...]) -> Pixels:
    if prod(shape) <= IN_MEMORY:
        return np.empty(shape, np.uint8)
    with tempfile.TemporaryFile() as file:  # the mapping keeps it alive; having no name, it needs no cleanup
        return np.memmap(file, np.uint8, "w+", shape=shape)
