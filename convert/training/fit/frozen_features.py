"""Features of the frozen part of a network, computed once over several augmented copies of the images."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ... import backend
from ..config.augmentation import Augmentation
from ..input.augmentation import augmenter, reseed
from ..input.batches import Examples, pictures
from ..network.network import Network, for_inference

if TYPE_CHECKING:
    import numpy.typing as npt

    Array = npt.NDArray[Any]

BATCH = 50
COPY_STREAM = 7001
"""Seed component that separates the random numbers of the copies from those of the epochs."""


@dataclass(frozen=True, slots=True, eq=False)
class Features:
    """Features of the same images at two depths of the network."""

    maps: Array
    """Input of the upper part of the network, (copies, n, h, w, c) float16; empty if that part is not trained."""
    pooled: Array
    """Input of the head, (copies, n, features) float32."""
    targets: Array
    """Targets, (n, outputs)."""
    weights: Array
    """Sample weights, (n,)."""

    @property
    def copies(self) -> int:
        """Number of copies of each image; the first one is not augmented."""
        return len(self.pooled)


@dataclass(frozen=True, slots=True, eq=False)
class Extractor:
    """The frozen part of a network, batch norm folded and compiled."""

    lower: Any
    upper: Any
    """Function from the map to the pooled features."""
    augment: Any
    """Augmentation layers, kept to reseed their random generators."""
    augmented: Any
    """Augmentation as a compiled function."""
    map_shape: tuple[int, ...]
    """Shape of one map; empty if maps are not kept."""
    width: int
    """Number of pooled features."""

    def compute(
        self, examples: Examples, copies: int, seed: int, progress: Callable[[int], None] = lambda done: None
    ) -> Features:
        """Compute the features: copy 0 from the original images, the others from augmented ones.

        ``progress`` is called with the number of images done.
        """
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
    """Compile the frozen part, split below the top ``top_blocks`` blocks so that these can be trained on ``maps``."""
    keras = backend.keras()
    lower, upper = network.cut(top_blocks) if top_blocks else (network.backbone, None)
    begin = keras.Input(lower.output.shape[1:]) if upper is None else upper.input
    pooled = keras.Model(begin, network.head[0](begin if upper is None else upper.output))
    augment = augmenter(augmentation, network.choice.preprocessing("stretch"))
    shape = tuple(int(n) for n in lower.output.shape[1:]) if keep_maps else ()
    tf = backend.tensorflow()
    pictures_in = tf.TensorSpec((None, *lower.input.shape[1:]))
    augmented = tf.function(lambda x: augment(x, training=True), autograph=False, input_signature=[pictures_in])
    width = int(pooled.output.shape[-1])
    return Extractor(for_inference(lower), for_inference(pooled), augment, augmented, shape, width)
