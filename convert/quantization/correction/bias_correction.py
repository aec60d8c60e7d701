"""Improvement of one layer of the int8 model: bias correction and, optionally, weight rounding."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .gptq_rounding import compensated, rounded, rounded_with_scales, second_moments, shrunk
from .layer_pairs import Layer, Pair
from .patches import Patches, sample

if TYPE_CHECKING:
    import numpy.typing as npt

    Array = npt.NDArray[Any]

RIDGE = 5.0
"""Ridge of ``compensated``. Measured: 1 overfits the calibration images; above 20 little is gained."""
RIDGE_DEPTHWISE = 1.0
"""Ridge of depthwise layers: nine weights with thousands of samples need less."""
MIN_SAMPLES = 4
"""Samples per value below which weights are not shifted: a dense layer has one sample per image and would overfit."""
MAX_VALUES = 2048
"""Inputs per output up to which weights are rounded; above, rounding takes minutes and only the bias is corrected."""
SHARES = np.linspace(1.0, 0.86, 3)
"""Fractions of the full scale to try."""
SHARES_DEPTHWISE = np.linspace(1.0, 0.6, 17)
"""Fractions to try for depthwise layers: with nine weights the scale matters more, and a trial costs less."""
BIAS_ROUNDS = 2

Visit = Callable[[Layer, list["Array"], list["Array"]], None]


def tuner(pair: Pair, *, rounding: bool) -> Visit:
    """Return the function that ``walk`` calls at each layer."""

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
    else:  # one scale for the whole layer: keep the converter's
        stored = rounded(weights, moments, np.broadcast_to(scales, weights.shape[:-1]))
    pair.write_weights(layer, stored.reshape(-1, values), scales)


def _correct_bias(pair: Pair, layer: Layer, patches: Patches) -> None:
    """Write the bias with zero mean output error, measured after the activation if there is one."""
    stored, scales = pair.stored_weights(layer)
    weights = _grouped(stored * np.broadcast_to(scales, len(stored))[:, np.newaxis], layer)
    bias = pair.bias(layer)
    wanted = _outputs(patches.float, _grouped(pair.weights(layer), layer)) + bias
    found = _outputs(patches.int8, weights)
    correction = (wanted - found).mean(0)
    if layer.ceiling is not None:
        target = np.clip(wanted, 0, layer.ceiling)
        for _ in range(BIAS_ROUNDS):  # Gauss-Newton: only unclipped outputs depend on the bias
            output = found + correction
            free = ((output > 0) & (output < layer.ceiling)).sum(0)
            missing = (target - np.clip(output, 0, layer.ceiling)).sum(0)
            correction = correction + missing / (free + 0.05 * len(output))
    pair.write_bias(layer, correction)


def _outputs(patches: Array, weights: Array) -> Array:
    """Return the outputs without the bias: (samples, output channels), float64."""
    small = weights.astype(np.float32)
    found = patches[0] @ small[0].T if len(small) == 1 else np.einsum("gnk,gk->ng", patches, small[:, 0])
    return np.asarray(found, np.float64)


def _grouped(weights: Array, layer: Layer) -> Array:
    return weights[:, np.newaxis] if layer.depthwise else weights[np.newaxis]


def _centred(patches: Array) -> Array:
    found: Array = patches - patches.mean(-2, keepdims=True)
    return found
