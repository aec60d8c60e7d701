"""The pictures that make a model, decoded and prepared once, however often they are looked at."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from edgevision import pictures
from edgevision.preprocess import pixels
from edgevision.rule import Rule

from .calibrate import Picture

if TYPE_CHECKING:
    from edgevision.data import Pixels

IN_MEMORY = 256_000_000
"""Bytes; more are kept in a temporary file, which the system reads as they are needed."""


def prepare_all(found: Sequence[Picture], rule: Rule, step: Callable[[int], None]) -> Pixels:
    """uint8 (n, height, width, channels), as the rule says; ``step`` hears how many are done. Raises BadPicture."""
    shape = (len(found), rule.height, rule.width, rule.channels)
    array = _array(shape)
    for number, picture in enumerate(found):
        array[number] = pixels(pictures.read(picture.path), rule)
        step(number + 1)
    return array


def _array(shape: tuple[int, ...]) -> Pixels:
    if prod(shape) <= IN_MEMORY:
        return np.empty(shape, np.uint8)
    with tempfile.TemporaryFile() as file:  # the mapping keeps it alive; it has no name and leaves nothing behind
        return np.memmap(file, np.uint8, "w+", shape=shape)
