"""Which whole numbers the weights of a layer become: those that change its outputs least, not those that are nearest.

All arrays have a leading axis of groups (see ``patches``); weights are (groups, rows, values), float64.

Errors of rounding are passed on to weights not rounded yet, by the second-order rule of E. Frantar and others, "GPTQ"
(2022), after B. Hassibi and D. Stork, "Optimal Brain Surgeon" (1993). Before that, weights are moved a little to undo
what the layers in front got wrong: linear regression of the float outputs on the int8 inputs, held near the weights.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    Array = npt.NDArray[Any]

LARGEST = 127
"""Stored weights are -127..127, as the converter makes them."""
BLOCK = 64
"""Columns that are rounded one by one before the rest is told."""
JITTER = 1e-3
"""Of the mean variance: keeps inputs that never move from dividing by zero."""


def second_moments(inputs: Array, others: Array) -> Array:
    """Mean products of two sets of centred samples: (groups, values, values), float64."""
    # For many small products a multi-threaded BLAS waits longer for its threads than it computes.
    found = others[0].T @ inputs if len(inputs) == 1 else np.einsum("gnk,gnl->gkl", others, inputs)
    return np.asarray(found / inputs.shape[-2], np.float64)


def shrunk(moments: Array, samples: int) -> Array:
    """Covariances that few samples can't be trusted with, drawn towards no covariance."""
    values = moments.shape[-1]
    share = values / (values + samples)
    kept: Array = (1 - share) * moments
    return kept + _diagonal(share * _variances(moments) + JITTER * _mean_variance(moments))


def compensated(weights: Array, own: Array, cross: Array, ridge: float) -> Array:
    """Weights that give the float outputs on int8 inputs, as far as a ridge lets them.

    ``own``: second moments of the int8 inputs; ``cross``: of float with int8; ``ridge``: in units of the variances.
    """
    held = own + _diagonal(ridge * (_variances(own) + _mean_variance(own)))
    wanted = weights @ (cross - own)
    return weights + np.swapaxes(np.linalg.solve(held, np.swapaxes(wanted, -1, -2)), -1, -2)


def rounded(weights: Array, moments: Array, scales: Array) -> Array:
    """Stored weights for given scales (groups, rows): the same shape as ``weights``, whole numbers."""
    return _rounded(weights, _factor(moments), scales)


def rounded_with_scales(weights: Array, moments: Array, shares: Array) -> tuple[Array, Array]:
    """Stored weights, and for each row that scale of several that gives the smallest error of its outputs.

    ``shares``: of the scale at which the largest weight just fits; below 1 large weights are cut for finer steps.
    """
    factor = _factor(moments)
    full = np.maximum(np.abs(weights).max(-1), 1e-12) / LARGEST
    best = np.full(full.shape, np.inf)
    stored, chosen = np.zeros_like(weights), full
    for share in shares:
        scales = (full * share).astype(np.float32).astype(np.float64)
        found = _rounded(weights, factor, scales)
        change = found * scales[..., np.newaxis] - weights
        error = ((change @ moments) * change).sum(-1)
        better = error < best
        best = np.where(better, error, best)
        stored = np.where(better[..., np.newaxis], found, stored)
        chosen = np.where(better, scales, chosen)
    return stored, chosen


def _factor(moments: Array) -> Array:
    """Upper triangular U with U^T U = the inverse: row i says how an error at i is best passed on."""
    return np.swapaxes(np.linalg.cholesky(np.linalg.inv(moments)), -1, -2)


def _rounded(weights: Array, factor: Array, scales: Array) -> Array:
    left = weights.copy()
    stored = np.empty_like(weights)
    values = weights.shape[-1]
    for start in range(0, values, BLOCK):
        end = min(values, start + BLOCK)
        errors = np.empty((*weights.shape[:-1], end - start))
        for i in range(start, end):
            stored[..., i] = np.clip(np.round(left[..., i] / scales), -LARGEST, LARGEST)
            error = (left[..., i] - stored[..., i] * scales) / factor[:, i, i, np.newaxis]
            left[..., i + 1 : end] -= error[..., np.newaxis] * factor[:, np.newaxis, i, i + 1 : end]
            errors[..., i - start] = error
        left[..., end:] -= errors @ factor[:, start:end, end:]
    return stored


def _variances(moments: Array) -> Array:
    found: Array = np.einsum("...ii->...i", moments)
    return found


def _mean_variance(moments: Array) -> Array:
    found: Array = np.maximum(_variances(moments).mean(-1, keepdims=True), 1e-12)
    return found


def _diagonal(values: Array) -> Array:
    found: Array = values[..., np.newaxis] * np.eye(values.shape[-1])
    return found
