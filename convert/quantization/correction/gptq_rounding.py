"""Weight rounding that minimizes the change of a layer's outputs instead of rounding each weight to nearest.

All arrays have a leading axis of groups (see ``patches``); weights are (groups, rows, values), float64.

Rounding errors are compensated in the weights that are not rounded yet, by the second-order update of E. Frantar et
al., "GPTQ" (2022), after B. Hassibi and D. Stork, "Optimal Brain Surgeon" (1993). Before that, the weights are shifted
slightly to compensate the errors of earlier layers: a ridge regression of the float outputs on the int8 inputs, which
stays close to the original weights.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    Array = npt.NDArray[Any]

LARGEST = 127
"""Largest stored weight; weights are -127..127, as in the converter's output."""
BLOCK = 64
"""Columns that are rounded one by one before their errors are applied to the remaining columns."""
JITTER = 1e-3
"""Diagonal term as a fraction of the mean variance; avoids division by zero for constant inputs."""


def second_moments(inputs: Array, others: Array) -> Array:
    """Return the mean products of two sets of centered samples: (groups, values, values), float64."""
    # einsum for many small products: a multithreaded BLAS would wait for its threads longer than it computes.
    found = others[0].T @ inputs if len(inputs) == 1 else np.einsum("gnk,gnl->gkl", others, inputs)
    return np.asarray(found / inputs.shape[-2], np.float64)


def shrunk(moments: Array, samples: int) -> Array:
    """Return moments with the off-diagonal part shrunk towards zero; the fewer samples, the stronger."""
    values = moments.shape[-1]
    share = values / (values + samples)
    kept: Array = (1 - share) * moments
    return kept + _diagonal(share * _variances(moments) + JITTER * _mean_variance(moments))


def compensated(weights: Array, own: Array, cross: Array, ridge: float) -> Array:
    """Return weights that reproduce the float outputs from int8 inputs, by ridge regression.

    ``own``: second moments of the int8 inputs; ``cross``: of float with int8 inputs; ``ridge``: in units of the
    variances.
    """
    held = own + _diagonal(ridge * (_variances(own) + _mean_variance(own)))
    wanted = weights @ (cross - own)
    return weights + np.swapaxes(np.linalg.solve(held, np.swapaxes(wanted, -1, -2)), -1, -2)


def rounded(weights: Array, moments: Array, scales: Array) -> Array:
    """Return the stored weights for given scales (groups, rows): integers in the shape of ``weights``."""
    return _rounded(weights, _factor(moments), scales)


def rounded_with_scales(weights: Array, moments: Array, shares: Array) -> tuple[Array, Array]:
    """Return the stored weights and, for each row, the tried scale with the smallest output error.

    ``shares``: scales to try, as fractions of the scale at which the largest weight just fits; below 1, large weights
    are clipped in exchange for finer steps.
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
    """Return the upper triangular U with U^T U = inverse(moments): row i tells how to compensate an error at i."""
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
