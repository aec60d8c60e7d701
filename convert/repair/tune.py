"""Improves one layer of the int8 model: its bias, and its weights if asked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .pair import Layer, Pair
from .patches import Patches, sample
from .rounding import compensated, rounded, rounded_with_scales, second_moments, shrunk

if TYPE_CHECKING:
    import numpy.typing as npt

    Array = npt.NDArray[Any]

RIDGE = 5.0
"""Of ``compensated``; 1 fits the calibration pictures more and others less, above 20 little is gained (measured)."""
RIDGE_DEPTHWISE = 1.0
"""Nine values for thousands of samples need less of it."""
MIN_SAMPLES = 4
"""For each value, below which weights are not moved: dense layers see one sample a picture, and would learn it."""
MAX_VALUES = 2048
"""That an output multiplies; above it rounding takes minutes and only the bias is corrected."""
SHARES = np.linspace(1.0, 0.86, 3)
"""Of the full scale, to be tried."""
SHARES_DEPTHWISE = np.linspace(1.0, 0.6, 17)
"""With nine weights the scale matters more, and costs less to try."""
BIAS_ROUNDS = 2

Visit = Callable[[Layer, list["Array"], list["Array"]], None]


def tuner(pair: Pair, *, rounding: bool) -> Visit:
    """What ``walk`` calls at each layer."""

    def visit(layer: Layer, ours: Sequence[Array], theirs: Sequence[Array]) -> None:
        patches = sample(pair, layer, ours, theirs)
        if rounding and patches.int8.shape[-1] <= MAX_VALUES:
            _round(pair, layer, patches)
        _correct_bias(pair, layer, patches)

    return visit


def _round(pair: Pair, layer: Layer, patches: Patches) -> None:
    weights = _grouped(pair.weights(layer), layer)
    inputs = _centred(patches.int8)
    moments = second_moments(inputs, inputs)
    samples, values = inputs.shape[-2:]
    if samples > MIN_SAMPLES * values:
        cross = second_moments(inputs, _centred(patches.float))
        weights = compensated(weights, moments, cross, RIDGE_DEPTHWISE if layer.depthwise else RIDGE)
    moments = shrunk(moments, samples)
    scales = pair.stored_weights(layer)[1]
    if len(scales) > 1:
        shares = SHARES_DEPTHWISE if layer.depthwise else SHARES
        stored, found = rounded_with_scales(weights, moments, shares)
        scales = found.reshape(-1)
    else:  # one scale for the whole layer, as the converter chose it
        stored = rounded(weights, moments, np.broadcast_to(scales, weights.shape[:-1]))
    pair.write_weights(layer, stored.reshape(-1, values), scales)


def _correct_bias(pair: Pair, layer: Layer, patches: Patches) -> None:
    """The bias at which the int8 layer's outputs are right on average: after the activation, where it has one."""
    stored, scales = pair.stored_weights(layer)
    weights = _grouped(stored * np.broadcast_to(scales, len(stored))[:, np.newaxis], layer)
    bias = pair.bias(layer)
    wanted = _outputs(patches.float, _grouped(pair.weights(layer), layer)) + bias
    found = _outputs(patches.int8, weights)
    correction = (wanted - found).mean(0)
    if layer.ceiling is not None:
        target = np.clip(wanted, 0, layer.ceiling)
        for _ in range(BIAS_ROUNDS):  # Gauss-Newton: only outputs that are not cut off answer to the bias
            output = found + correction
            free = ((output > 0) & (output < layer.ceiling)).sum(0)
            missing = (target - np.clip(output, 0, layer.ceiling)).sum(0)
            correction = correction + missing / (free + 0.05 * len(output))
    pair.write_bias(layer, correction)


def _outputs(patches: Array, weights: Array) -> Array:
    """Without the bias: (samples, output channels), float64."""
    small = weights.astype(np.float32)
    found = patches[0] @ small[0].T if len(small) == 1 else np.einsum("gnk,gk->ng", patches, small[:, 0])
    return np.asarray(found, np.float64)


def _grouped(weights: Array, layer: Layer) -> Array:
    return weights[:, np.newaxis] if layer.depthwise else weights[np.newaxis]


def _centred(patches: Array) -> Array:
    found: Array = patches - patches.mean(-2, keepdims=True)
    return found
