"""Top-1 accuracy of weights on a split at an image side, with its confidence interval."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import tensorflow as tf

from tools.pretrain.data import Split, resized
from tools.pretrain.model import Network

if TYPE_CHECKING:
    from tools.pretrain.checkpoint import Arrays

BATCH = 250
Z95 = 1.959964
"""Standard normal quantile of a two-sided 95 % interval."""


class Scorer:
    """Evaluates weights at one image side; the graph is traced only once."""

    def __init__(self, side: int, classes: int) -> None:
        """Build the network; ``side``: pixels; ``classes``: outputs of the head."""
        self._network = Network(side, classes)
        self._graph = tf.function(lambda x: self._network.logits(self._network.features(x, training=False)))

    def correct(self, values: Arrays, split: Split) -> int:
        """Return the number of images in the split that the weights classify correctly."""
        self._network.assign(values)
        right = 0
        for start in range(0, len(split.labels), BATCH):
            pictures = [resized(picture, self._network.side) for picture in split.pictures[start : start + BATCH]]
            answers = self._graph(tf.constant(np.stack(pictures))).numpy().argmax(axis=1)
            right += int((answers == split.labels[start : start + BATCH]).sum())
        return right


def interval(correct: int, total: int) -> tuple[float, float]:
    """Return the 95 % Wilson interval of a proportion (Wilson 1927), 0..1."""
    share, spread = correct / total, Z95**2 / total
    middle = (share + spread / 2) / (1 + spread)
    half = Z95 / (1 + spread) * math.sqrt(share * (1 - share) / total + spread / (4 * total))
    return max(0.0, middle - half), min(1.0, middle + half)
