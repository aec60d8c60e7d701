"""What the frozen part of a network makes of the pictures, computed once over several augmented copies."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import backend
from ..augment import Augmentation, augmenter, reseed
from ..batches import Examples, pictures
from .network import Network, for_inference

if TYPE_CHECKING:
    import numpy.typing as npt

    Array = npt.NDArray[Any]

BATCH = 50
COPY_STREAM = 7001
"""Keeps the random numbers of the copies apart from those of the epochs."""


@dataclass(frozen=True, slots=True, eq=False)
class Features:
    """Two views of the same pictures."""

    maps: Array
    """(copies, n, h, w, c) float16, where the upper part of the network begins; empty when it is not trained."""
    pooled: Array
    """(copies, n, features) float32, where the head begins."""
    targets: Array
    """(n, outputs)"""
    weights: Array
    """(n,)"""

    @property
    def copies(self) -> int:
        """Copies of each picture; the first one is unchanged."""
        return len(self.pooled)


@dataclass(frozen=True, slots=True, eq=False)
class Extractor:
    """The frozen part of a network, folded and compiled."""

    lower: Any
    upper: Any
    """Up to the pooled features."""
    augment: Any
    """The augmentation layers, for their random generators."""
    augmented: Any
    """The same as a compiled function."""
    map_shape: tuple[int, ...]
    """Empty: maps are not kept."""
    width: int
    """Of the pooled features."""

    def compute(
        self, examples: Examples, copies: int, seed: int, progress: Callable[[int], None] = lambda done: None
    ) -> Features:
        """Copy 0 is made of the pictures as they are, the others of augmented ones; ``progress`` hears how many are done."""
        n = len(examples)
        maps = (
            np.empty((copies, n, *self.map_shape), np.float16) if self.map_shape else np.empty((copies, 0), np.float16)
        )
        pooled = np.empty((copies, n, self.width), np.float32)
        for copy in range(copies):
            reseed(self.augment, seed, COPY_STREAM, copy)
            at = 0
            for low, high in self._batches(examples, augment=copy > 0):
                rows = slice(at, at + len(high))
                if self.map_shape:
                    maps[copy, rows] = low
                pooled[copy, rows] = high
                at += len(high)
                progress(copy * n + at)
        return Features(maps, pooled, examples.targets, examples.weights)

    def _batches(self, examples: Examples, augment: bool) -> Iterator[tuple[Array, Array]]:
        tf = backend.tensorflow()
        for batch in pictures(examples, BATCH):
            x = tf.constant(batch)
            low = self.lower(self.augmented(x) if augment else x)
            yield low.numpy(), self.upper(low).numpy()


def extractor(network: Network, augmentation: Augmentation, top_blocks: int, keep_maps: bool) -> Extractor:
    """Compiles the frozen part; the upper ``top_blocks`` blocks apart, so that they can be trained on ``maps``."""
    keras = backend.keras()
    lower, upper = network.cut(top_blocks) if top_blocks else (network.backbone, None)
    begin = keras.Input(lower.output.shape[1:]) if upper is None else upper.input
    pooled = keras.Model(begin, network.head[0](begin if upper is None else upper.output))
    augment = augmenter(augmentation, network.choice.rule("stretch"))
    shape = tuple(int(n) for n in lower.output.shape[1:]) if keep_maps else ()
    tf = backend.tensorflow()
    pictures_in = tf.TensorSpec((None, *lower.input.shape[1:]))
    augmented = tf.function(lambda x: augment(x, training=True), autograph=False, input_signature=[pictures_in])
    width = int(pooled.output.shape[-1])
    return Extractor(for_inference(lower), for_inference(pooled), augment, augmented, shape, width)
