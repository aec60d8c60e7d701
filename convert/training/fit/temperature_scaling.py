"""Temperature scaling: one factor, fitted on the validation images, calibrates the scores."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ... import backend
from ..input.batches import Examples, pictures
from ..network.head import Head
from ..network.network import Network
from .phases import EVALUATE_BATCH

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float32]

LOW, HIGH = 0.4, 3.0
"""Limits of the temperature: without a limit, a validation set without mistakes would give 0."""
STEPS = 30
"""Steps of the search, which leave a millionth of the range."""


def calibrate(network: Network, val: Examples) -> float:
    """Divide the weights of the last layer by the best temperature and return it; only scores change, not predictions.

    C. Guo et al., 2017, On Calibration of Modern Neural Networks (arXiv:1706.04599), section 4.2.
    """
    keras, tf = backend.keras(), backend.tensorflow()
    model = keras.Model(network.backbone.input, network.apply_head(network.backbone.output))
    run = tf.function(lambda x: model(x, training=False), autograph=False, reduce_retracing=True)
    logits = np.concatenate([run(tf.constant(batch)).numpy() for batch in pictures(val, EVALUATE_BATCH)])
    found = best_temperature(network.goal, val.targets, logits)
    divide_logits(network, found)
    return found


def divide_logits(network: Network, temperature: float) -> None:
    """Divide the last layer by a temperature; only scores change, not predictions."""
    dense = network.head[-1]
    dense.set_weights([weights / np.float32(temperature) for weights in dense.get_weights()])


def best_temperature(goal: Head, targets: Floats, logits: Floats) -> float:
    """Return the divisor of the logits, LOW..HIGH, with the lowest cross-entropy, by golden-section search in the log."""
    golden = (np.sqrt(5) - 1) / 2

    def loss(log: float) -> float:
        return float(goal.measure(targets, (logits / np.exp(log)).astype(np.float32))[0].mean())

    low, high = np.log(LOW), np.log(HIGH)
    left, right = high - golden * (high - low), low + golden * (high - low)
    at_left, at_right = loss(left), loss(right)
    for _ in range(STEPS):
        if at_left < at_right:
            high, right, at_right = right, left, at_left
            left = high - golden * (high - low)
            at_left = loss(left)
        else:
            low, left, at_left = left, right, at_right
            right = low + golden * (high - low)
            at_right = loss(right)
    return float(np.exp((low + high) / 2))


def calibrated_losses(goal: Head, targets: Floats, logits: Floats) -> npt.NDArray[np.float64]:
    """Return the cross-entropy of each image after temperature scaling, (n,), by which epochs are compared.

    Without it, a network that is right but too sure of itself looks worse than one that errs more often.
    """
    if not len(targets):
        return np.empty(0, np.float64)
    found = best_temperature(goal, targets, logits)
    return goal.measure(targets, (logits / np.float32(found)).astype(np.float32))[0]
