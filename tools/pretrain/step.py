"""One training step as one graph: loss, gradients, Nesterov momentum, weight decay and the moving average."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import tensorflow as tf

from tools.pretrain.model import Network, copied, decays

if TYPE_CHECKING:
    from edgevision.types import Pixels
    from tools.pretrain.checkpoint import Arrays
    from tools.pretrain.data import Labels


@dataclass(frozen=True, slots=True)
class StepRule:
    """Hyperparameters of the training step."""

    momentum: float = 0.9
    weight_decay: float = 4e-5
    label_smoothing: float = 0.1
    dropout: float = 0.0
    """Share of the features dropped before the head."""
    average_decay: float = 0.999
    """Decay of the exponential moving average; lower in the first steps."""


class TrainStep:
    """A network with its momentum and averaged weights; each call updates all of them."""

    def __init__(self, network: Network, preprocessing: StepRule, seed: int) -> None:
        """Start with zero momentum, and the weights as their average."""
        self.network = network
        self._rule = preprocessing
        self._seed = seed
        self._momentum = {n: tf.Variable(tf.zeros(v.shape), trainable=False) for n, v in network.trainable.items()}
        self._average = {n: tf.Variable(v, trainable=False) for n, v in network.variables.items()}
        self._graph = tf.function(self._update)

    def __call__(self, pictures: Pixels, labels: Labels, rate: float, step: int) -> float:
        """Train on one batch and return its loss; ``step`` counts from the start of the run."""
        kept = min(self._rule.average_decay, (1 + step) / (10 + step))
        scalars = (tf.constant(rate), tf.constant(kept), tf.constant(step))
        return float(self._graph(tf.constant(pictures), tf.constant(labels), *scalars))

    def values(self) -> tuple[Arrays, Arrays, Arrays]:
        """Return copies of the weights, the momentum and the average."""
        return copied(self.network.variables), copied(self._momentum), self.average()

    def average(self) -> Arrays:
        """Return a copy of the averaged weights and statistics."""
        return copied(self._average)

    def restore(self, weights: Arrays, momentum: Arrays, average: Arrays) -> None:
        """Continue from what ``values`` returned, at any image side. Raises KeyError if a variable is missing."""
        self.network.assign(weights)
        for variables, arrays in ((self._momentum, momentum), (self._average, average)):
            for name, variable in variables.items():
                variable.assign(arrays[name])

    def _update(self, pictures: Any, labels: Any, rate: Any, kept: Any, step: Any) -> Any:
        trainable = self.network.trainable
        with tf.GradientTape() as tape:
            loss = self._loss(pictures, labels, step)
        gradients = tape.gradient(loss, list(trainable.values()))
        for (name, variable), gradient in zip(trainable.items(), gradients, strict=True):
            self._descend(name, variable, gradient, rate)
        for name, variable in self.network.variables.items():
            average = self._average[name]
            average.assign_add((1.0 - kept) * (variable - average))
        return loss

    def _loss(self, pictures: Any, labels: Any, step: Any) -> Any:
        preprocessing = self._rule
        features = self.network.features(pictures, training=True)
        if preprocessing.dropout:
            key = tf.stack([tf.constant(self._seed), step])
            features = tf.nn.experimental.stateless_dropout(features, preprocessing.dropout, seed=key)
        logits = self.network.logits(features)
        classes = logits.shape[-1]
        targets = (
            tf.one_hot(labels, classes) * (1 - preprocessing.label_smoothing) + preprocessing.label_smoothing / classes
        )
        return tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(targets, logits))

    def _descend(self, name: str, variable: Any, gradient: Any, rate: Any) -> None:
        """Apply Nesterov momentum in the form of Sutskever et al. (2013), with the gradient taken at the weights."""
        if decays(name):
            gradient = gradient + self._rule.weight_decay * variable
        momentum = self._momentum[name]
        momentum.assign(self._rule.momentum * momentum + gradient)
        variable.assign_sub(rate * (gradient + self._rule.momentum * momentum))
