"""Layer-by-layer execution of both models on many images; changes to a layer affect the layers after it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from .kernel_runner import run_single
from .layer_pairs import Layer, Pair

if TYPE_CHECKING:
    import numpy.typing as npt

    from edgevision.tflite.editable_model import FlatModel
    from edgevision.tflite.flat_graph import Operator
    from edgevision.types import Pixels

    Array = npt.NDArray[Any]
    Held = dict[int, list[Array]]

MEMORY = 384_000_000
"""Memory limit in bytes for the activations of all images at once; fewer images are used if they do not fit."""


def walk(
    pair: Pair,
    pictures: Sequence[Pixels],
    normalize: Callable[[Pixels], Array],
    visit: Callable[[Layer, list[Array], list[Array]], None],
) -> None:
    """Call ``visit(layer, int8 inputs, float inputs)`` at each layer in order; inputs are one array (1, ...) per image.

    The layer runs after the visit, with the changes that the visit made to ``pair.int8``, so that later layers see
    their effect. Only tensors that are still needed are kept in memory.
    """
    kept = pictures[: pictures_that_fit(pair, len(pictures))]
    ours: Held = {pair.int8.inputs[0]: [picture[np.newaxis] for picture in kept]}
    theirs: Held = {pair.reference.inputs[0]: [normalize(picture)[np.newaxis] for picture in kept]}
    last = _last_uses(pair.int8), _last_uses(pair.reference)
    for operator in pair.int8.operators:
        layer, twin = pair.layer_of(operator), pair.reference_of.get(operator)
        if layer is not None:
            visit(layer, ours[layer.int8.inputs[0]], theirs[layer.reference.inputs[0]])
        _advance(pair.int8, operator, ours, last[0])
        if twin is not None:
            _advance(pair.reference, twin, theirs, last[1])


def pictures_that_fit(pair: Pair, count: int) -> int:
    """Return how many of ``count`` images fit into ``MEMORY``, at least one."""
    largest = max(
        _bytes(pair.int8, (*op.inputs, *op.outputs)) + _bytes(pair.reference, (*twin.inputs, *twin.outputs))
        for op, twin in pair.reference_of.items()
    )
    return max(1, min(count, MEMORY // max(1, largest)))


def _advance(model: FlatModel, operator: Operator, held: Held, last: dict[int, Operator]) -> None:
    results = run_single(model, operator, [held[t] for t in model.activations(operator)])
    held.update(zip(operator.outputs, results, strict=True))
    for tensor in model.activations(operator):
        if last[tensor] is operator:
            del held[tensor]


def _last_uses(model: FlatModel) -> dict[int, Operator]:
    return {tensor: operator for operator in model.operators for tensor in operator.inputs}


def _bytes(model: FlatModel, tensors: tuple[int, ...]) -> int:
    computed = [t for t in tensors if t >= 0 and not model.is_constant(t)]
    return sum(prod(model.shape(t)) * np.dtype(model.dtype(t)).itemsize for t in computed)
