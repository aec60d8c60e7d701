"""Features of the frozen part of a network, computed once over several augmented copies of the images."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ... import backend
from ..cluster.team import ALONE, Team
from ..config.augmentation import Augmentation
from ..input.augmentation import augmenter, reseed
from ..input.batches import Examples, images_of
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
        self,
        examples: Examples,
        copies: int,
        seed: int,
        progress: Callable[[int], None] = lambda done: None,
        team: Team = ALONE,
    ) -> Features:
        """Compute the features: copy 0 from the original images, the others from augmented ones.

        ``progress`` is called with the number of images done; the machines of a team share the batches.
        """
        n = len(examples)
        maps = np.zeros((copies, n, *self.map_shape) if self.map_shape else (copies, 0), np.float16)
        pooled = np.zeros((copies, n, self.width), np.float32)
        batches = [(copy, at) for copy in range(copies) for at in range(0, n, BATCH)]
        for number, (copy, at) in enumerate(batches):
            if number % team.size == team.rank:
                rows = np.arange(at, min(at + BATCH, n))
                # Random numbers of its own for each batch, whichever machine computes it.
                reseed(self.augment, seed, COPY_STREAM, copy, at)
                low, high = self._batch(images_of(examples, rows), augment=copy > 0)
                if self.map_shape:
                    maps[copy, rows] = low
                pooled[copy, rows] = high
            progress(copy * n + min(at + BATCH, n))
        return Features(team.total(maps), team.total(pooled), examples.targets, examples.weights)

    def _batch(self, images: Array, augment: bool) -> tuple[Array, Array]:
        x = backend.tensorflow().constant(images)
        low = self.lower(self.augmented(x) if augment else x)
        return low.numpy(), self.upper(low).numpy()


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
