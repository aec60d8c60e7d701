"""Channel equalization: scale up channels that use little of their tensor's range, so that they get more int8 steps.

Each channel of a layer is multiplied by a factor, and the weights that read it are divided by the same factor: the
float model is unchanged, and the int8 model gets finer steps. After M. Nagel et al., "Data-Free Quantization through
Weight Equalization and Bias Correction" (2019). Here it serves the activations, since weights already have one scale
per channel. Too large a factor clips values of unseen images, so the headroom is chosen on images that did not set it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .gptq_rounding import LARGEST
from .kernel_runner import tap
from .layer_pairs import Layer, Pair, rows

if TYPE_CHECKING:
    import numpy.typing as npt

    from edgevision.tflite.editable_model import FlatModel
    from edgevision.types import Pixels

    Array = npt.NDArray[Any]

ROOMS = (1.0, 1.2, 1.5, 2.0, 3.0, np.inf)
"""Headroom factors to try: the channel is scaled so that its largest observed value times the factor fills the range.
Infinity leaves the channel as it is."""
PLACES = 64
"""Sampled positions per image and channel for the error estimate."""
_THROUGH = frozenset({"PAD", "MAX_POOL_2D"})
"""Operators allowed between the two layers: they act per channel and commute with scaling."""


@dataclass(frozen=True, slots=True, eq=False)
class _Link:
    """A layer and its only reader."""

    source: Layer
    reader: Layer

    @property
    def tensor(self) -> int:
        """Index of the output tensor of the float source layer."""
        return int(self.source.reference.outputs[0])


@dataclass(frozen=True, slots=True, eq=False)
class _Seen:
    """Values of the tensor between two layers: maxima (images, channels) and samples (images, positions, channels)."""

    largest: Array
    some: Array


def equalize(pair: Pair, pictures: Sequence[Pixels], normalize: Callable[[Pixels], Array]) -> frozenset[str]:
    """Rewrite weights and biases of both models and return the names of the scaled layers."""
    links = list(_links(pair))
    changed: dict[str, Layer] = {}
    for link, seen in zip(links, _look(pair, links, pictures, normalize), strict=True):
        factors = _factors(pair, link, seen)
        if (factors > 1).any():
            _apply(pair, link, factors)
            changed.update({layer.name: layer for layer in (link.source, link.reader)})
    for layer in changed.values():
        _round_to_nearest(pair, layer)
    return frozenset(changed)


def _links(pair: Pair) -> Iterator[_Link]:
    model = pair.reference
    readers: dict[int, list[Any]] = {t: [] for op in model.operators for t in op.outputs}
    for op in model.operators:
        for tensor in model.activations(op):
            readers.get(tensor, []).append(op)
    by_operator = {layer.reference: layer for layer in pair.layers}
    for source in pair.layers:
        tensor = source.reference.outputs[0]
        while _only(readers[tensor], model, tensor) and readers[tensor][0].name in _THROUGH:
            tensor = readers[tensor][0].outputs[0]
        reader = by_operator.get(readers[tensor][0]) if _only(readers[tensor], model, tensor) else None
        if source.ceiling is not None and reader is not None and _channelwise(pair, source, reader):
            yield _Link(source, reader)


def _only(readers: list[Any], model: FlatModel, tensor: int) -> bool:
    return len(readers) == 1 and tensor not in model.outputs


def _channelwise(pair: Pair, source: Layer, reader: Layer) -> bool:
    """Return True if the last axis of the reader's weights matches the source's channels."""
    channels = pair.reference.shape(source.reference.outputs[0])[-1]
    return pair.reference.shape(reader.reference.inputs[1])[-1] == channels


def _look(
    pair: Pair, links: Sequence[_Link], pictures: Sequence[Pixels], normalize: Callable[[Pixels], Array]
) -> list[_Seen]:
    if not links:
        return []
    run = tap(pair.reference, [link.tensor for link in links])
    rng = np.random.default_rng(0)
    largest: list[list[Array]] = [[] for _ in links]
    some: list[list[Array]] = [[] for _ in links]
    for picture in pictures:
        for number, values in enumerate(run(normalize(picture)[np.newaxis])):
            flat = values.reshape(-1, values.shape[-1])
            largest[number].append(flat.max(0))
            places = rng.permutation(len(flat))[:PLACES]
            some[number].append(flat[places].astype(np.float16))
    return [_Seen(np.stack(a), np.stack(b)) for a, b in zip(largest, some, strict=True)]


def _factors(pair: Pair, link: _Link, seen: _Seen) -> Array:
    """Return the channel factors, (channels,), each >= 1.

    The headroom is the one with the smallest error on the half of the images that did not set the maxima.
    """
    scale, zero_point = pair.int8.scale(link.source.int8.outputs[0])
    top = scale * (LARGEST - zero_point)
    weights = pair.reference.constant(link.reader.reference.inputs[1])
    weight = (weights.reshape(-1, weights.shape[-1]) ** 2).sum(0)
    halves = np.arange(len(seen.largest)) % 2 == 0

    def error(room: float) -> float:
        total = 0.0
        for half in (halves, ~halves):
            edge = top / _factors_for(seen.largest[half].max(0), top, room, link)
            values = seen.some[~half].reshape(-1, len(edge)).astype(np.float32)
            cut = (np.maximum(values - edge, 0) ** 2).mean(0)
            steps = (edge / 255) ** 2 / 12 * (values > 0).mean(0)
            total += float(((cut + steps) * weight).sum())
        return total

    return _factors_for(seen.largest.max(0), top, min(ROOMS, key=error), link)


def _factors_for(largest: Array, top: float, room: float, link: _Link) -> Array:
    with np.errstate(divide="ignore", invalid="ignore"):
        factors = np.where(largest > 0, top / (largest * room), 1.0)
    factors = np.maximum(factors, 1.0)
    # A depthwise reader has one weight scale per channel and loses nothing; other readers share a scale between channels.
    return factors if link.reader.depthwise else np.sqrt(factors)


def _apply(pair: Pair, link: _Link, factors: Array) -> None:
    model, source, reader = pair.reference, link.source.reference, link.reader.reference
    weights = model.constant(source.inputs[1])
    # The output channels are the last axis of depthwise weights and the first axis of all others.
    shape = (1, 1, 1, -1) if link.source.depthwise else (-1, *[1] * (weights.ndim - 1))
    model.set_constant(source.inputs[1], weights * factors.reshape(shape))
    model.set_constant(source.inputs[2], model.constant(source.inputs[2]) * factors)
    model.set_constant(reader.inputs[1], model.constant(reader.inputs[1]) / factors)


def _round_to_nearest(pair: Pair, layer: Layer) -> None:
    weights = rows(pair.reference.constant(layer.reference.inputs[1]).astype(np.float64), layer)
    largest = np.maximum(np.abs(weights).max(1), 1e-12)
    shared = len(pair.stored_weights(layer)[1]) == 1
    scales = (largest.max(keepdims=True) if shared else largest) / LARGEST
    pair.write_weights(layer, weights / scales[:, np.newaxis], scales)
    pair.write_bias(layer, pair.bias(layer))
