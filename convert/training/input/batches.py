"""Training batches of preprocessed images, with exactly the normalized values that the device computes with."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from edgevision.preprocessing.spec import Preprocessing
from edgevision.preprocessing.transform import quantize
from edgevision.types import TensorSpec

from ... import backend
from .image_cache import PixelSource

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float32]
    Indices = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True, eq=False)
class Examples:
    """Images with their targets and weights."""

    pixels: PixelSource
    preprocessing: Preprocessing
    indices: Indices
    """(n,) image numbers within ``pixels``."""
    targets: Floats
    """(n, outputs)"""
    weights: Floats
    """(n,) weight of each example in the loss."""

    def __len__(self) -> int:
        return len(self.indices)


def real_values(pixels: npt.NDArray[np.uint8], preprocessing: Preprocessing) -> Floats:
    """Normalize bytes (n, height, width, channels) to float32, (pixel - mean) / std, as the preprocessing does."""
    return np.take(_table(preprocessing), pixels)


def batches(examples: Examples, size: int, order: Indices | None = None) -> Any:
    """Return a prefetching tf.data.Dataset of (images float32 (b, h, w, c), targets (b, outputs), weights (b,)).

    ``order``: positions within ``examples``; None keeps their order.
    """
    tf = backend.tensorflow()
    preprocessing = examples.preprocessing
    signature = (
        tf.TensorSpec((None, preprocessing.height, preprocessing.width, preprocessing.channels), tf.float32),
        tf.TensorSpec((None, examples.targets.shape[1]), tf.float32),
        tf.TensorSpec((None,), tf.float32),
    )
    made = tf.data.Dataset.from_generator(lambda: _generate(examples, size, order), output_signature=signature)
    count = -(-(len(examples) if order is None else len(order)) // size)
    return made.apply(tf.data.experimental.assert_cardinality(count)).prefetch(2)


def pictures(examples: Examples, size: int) -> Iterator[Floats]:
    """Yield the images only, in order, in batches of normalized values."""
    for start in range(0, len(examples), size):
        yield real_values(examples.pixels.rows(examples.indices[start : start + size]), examples.preprocessing)


def _generate(examples: Examples, size: int, order: Indices | None) -> Iterator[tuple[Floats, Floats, Floats]]:
    where = np.arange(len(examples)) if order is None else order
    for start in range(0, len(where), size):
        some = where[start : start + size]
        pixels = examples.pixels.rows(examples.indices[some])
        yield real_values(pixels, examples.preprocessing), examples.targets[some], examples.weights[some]


def _table(preprocessing: Preprocessing) -> Floats:
    """Return the normalized value of each of the 256 byte values, computed by the preprocessing itself."""
    ramp = np.arange(256, dtype=np.uint8).reshape(1, 256, 1)
    line = replace(preprocessing, width=256, height=1, channels=1, order="GRAY")
    return np.asarray(quantize(ramp, line, TensorSpec("input", (1, 1, 256, 1), "float32")), np.float32).reshape(256)
