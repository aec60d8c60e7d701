"""Training batches of preprocessed images, with exactly the normalized values that the device computes with."""

from __future__ import annotations

from collections.abc import Callable, Iterator
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


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """Examples of a training phase, by number."""

    load: Callable[[Indices], tuple[Floats, Floats, Floats]]
    """Function that returns inputs (b, ...), targets (b, outputs) and weights (b,) of some examples."""
    shape: tuple[int, ...]
    """Shape of one input."""
    outputs: int
    size: int
    """Examples in a batch."""

    def batches(self, order: Indices) -> Any:
        """Return a prefetching tf.data.Dataset of the examples in this order."""
        tf = backend.tensorflow()
        signature = (
            tf.TensorSpec((None, *self.shape), tf.float32),
            tf.TensorSpec((None, self.outputs), tf.float32),
            tf.TensorSpec((None,), tf.float32),
        )

        def generate() -> Iterator[tuple[Floats, Floats, Floats]]:
            for start in range(0, len(order), self.size):
                yield self.load(order[start : start + self.size])

        made = tf.data.Dataset.from_generator(generate, output_signature=signature)
        return made.apply(tf.data.experimental.assert_cardinality(-(-len(order) // self.size))).prefetch(2)


def source_of(examples: Examples, size: int) -> Source:
    """Return images as examples in batches of ``size``; the numbers are positions within ``examples``."""

    def load(some: Indices) -> tuple[Floats, Floats, Floats]:
        return images_of(examples, some), examples.targets[some], examples.weights[some]

    rule = examples.preprocessing
    return Source(load, (rule.height, rule.width, rule.channels), examples.targets.shape[1], size)


def images_of(examples: Examples, some: Indices) -> Floats:
    """Return the images at some positions, (b, h, w, c), in normalized values."""
    return real_values(examples.pixels.rows(examples.indices[some]), examples.preprocessing)


def pictures(examples: Examples, size: int) -> Iterator[Floats]:
    """Yield the images only, in order, in batches of normalized values."""
    for start in range(0, len(examples), size):
        yield images_of(examples, np.arange(start, min(start + size, len(examples))))


def _table(preprocessing: Preprocessing) -> Floats:
    """Return the normalized value of each of the 256 byte values, computed by the preprocessing itself."""
    ramp = np.arange(256, dtype=np.uint8).reshape(1, 256, 1)
    line = replace(preprocessing, width=256, height=1, channels=1, order="GRAY")
    return np.asarray(quantize(ramp, line, TensorSpec("input", (1, 1, 256, 1), "float32")), np.float32).reshape(256)
