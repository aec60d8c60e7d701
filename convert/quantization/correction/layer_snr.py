"""Signal-to-noise ratio of each int8 layer against its float counterpart."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import log10
from typing import TYPE_CHECKING, Any

import numpy as np

from .kernel_runner import tap
from .layer_pairs import Pair

if TYPE_CHECKING:
    import numpy.typing as npt

    from edgevision.types import Pixels

    Array = npt.NDArray[Any]

PICTURES = 16
"""Images to measure on; enough for a precision of 0.1 dB."""


def signal_to_noise(pair: Pair, pictures: Sequence[Pixels], normalize: Callable[[Pixels], Array]) -> list[float]:
    """Return the signal-to-noise ratio of each of ``pair.layers``, in dB: float output power over int8 error power.

    Each layer gets the output of the int8 layers before it, so errors accumulate.
    """
    ours = [layer.int8.outputs[0] for layer in pair.layers]
    run_int8, run_float = (
        tap(pair.int8, ours),
        tap(pair.reference, [layer.reference.outputs[0] for layer in pair.layers]),
    )
    signal, noise = np.zeros(len(ours)), np.zeros(len(ours))
    for picture in pictures[:PICTURES]:
        stored = run_int8(picture[np.newaxis])
        wanted = run_float(normalize(picture)[np.newaxis])
        for number, (tensor, found, real) in enumerate(zip(ours, stored, wanted, strict=True)):
            signal[number] += float((real.astype(np.float64) ** 2).sum())
            noise[number] += float(((pair.int8.real(tensor, found) - real).astype(np.float64) ** 2).sum())
    return [_decibels(s, n) for s, n in zip(signal, noise, strict=True)]


def _decibels(signal: float, noise: float) -> float:
    return round(10 * log10(max(signal, 1e-30) / max(noise, 1e-30)), 2)
