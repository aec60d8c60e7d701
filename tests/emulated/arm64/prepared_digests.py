"""Prints the SHA-256 of ``prepare`` results for drawn images and many preprocessings: python prepared_digests.py"""

from __future__ import annotations

import hashlib
import itertools
import json
import sys
from collections.abc import Iterator
from functools import lru_cache

import numpy as np

from edgevision.preprocessing.spec import Preprocessing
from edgevision.preprocessing.transform import prepare
from edgevision.types import Frame, TensorSpec

FRAMES = ((1280, 720), (1920, 1080), (641, 479), (333, 517), (224, 224), (97, 31), (3, 5))
"""Width and height in pixels, including odd ones and ones smaller than the model's input."""
INPUTS = ((224, 224), (96, 128), (129, 65))
FITS = (
    {"resize": "stretch"},
    {"resize": "crop", "crop_fraction": 0.875},
    {"resize": "letterbox", "fill": 114},
    {"resize": "letterbox", "align": "top_left"},
)
NUMBERS = (
    ("uint8", 1 / 127.5, 127, (127.5,), (127.5,)),
    ("int8", 0.0186584, -14, (127.5,), (127.5,)),
    ("float32", 0.0, 0, (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)),
)
"""Type, scale and zero point of the input; mean and std of the preprocessing."""


@lru_cache(1)
def picture(width: int, height: int) -> np.ndarray:
    """Draw edges, ramps and noise with integers only, so that the result is the same everywhere."""
    x = np.arange(width, dtype=np.uint64)[None, :, None]
    y = np.arange(height, dtype=np.uint64)[:, None, None]
    channel = np.arange(3, dtype=np.uint64)[None, None, :]
    noise = ((x * 73856093) ^ (y * 19349663) ^ (channel * 83492791)) * 2654435761 >> 16
    ramp = x * 255 // max(1, width - 1) + y * (channel + 1)
    edges = (x // 7 + y // 5 + channel) % 2 * 200
    return ((noise % 64 + ramp + edges) % 256).astype(np.uint8)


def digests() -> Iterator[tuple[str, str]]:
    """Yield the name of each case and the SHA-256 of its tensor."""
    for frame, size, fit, number in itertools.product(FRAMES, INPUTS, FITS, NUMBERS):
        dtype, scale, zero, mean, std = number
        rule = Preprocessing(*size, mean=mean, std=std, **fit)
        spec = TensorSpec("input", (1, size[1], size[0], 3), dtype, scale, zero)
        tensor = prepare(Frame(picture(*frame), "BGR"), rule, spec)
        case = f"{frame} -> {size} {fit} {dtype}"
        yield case, hashlib.sha256(np.ascontiguousarray(tensor).tobytes()).hexdigest()


if __name__ == "__main__":
    json.dump(dict(digests()), sys.stdout)
