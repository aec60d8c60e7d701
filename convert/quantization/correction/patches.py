"""Input patches of a layer, sampled at a few random output positions of every image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .layer_pairs import DENSE, Layer, Pair

if TYPE_CHECKING:
    import numpy.typing as npt

    Array = npt.NDArray[Any]

PLACES = 32
"""Sampled positions per image; neighboring positions are strongly correlated."""
MAX_VALUES = 8_000_000
"""Upper limit of values in all samples of one layer of one model; 32 MB."""


@dataclass(frozen=True, slots=True, eq=False)
class Patches:
    """Patches at the same positions of both models, dequantized: (groups, samples, values), float32.

    A depthwise layer has one group per output channel, any other layer a single group; ``values`` is the number of
    inputs that each output multiplies.
    """

    int8: Array
    float: Array


def sample(pair: Pair, layer: Layer, ours: Sequence[Array], theirs: Sequence[Array]) -> Patches:
    """Sample patches of a layer's inputs, given as one array (1, ...) per image; positions are deterministic."""
    kernel = pair.int8.shape(layer.int8.inputs[1])
    source = layer.int8.inputs[0]
    if layer.int8.name == DENSE:
        picked = [np.stack(side).reshape(1, -1, kernel[1]) for side in (ours, theirs)]
        return Patches(pair.int8.real(source, picked[0]), picked[1])
    grid = _Grid.of(layer, ours[0].shape, kernel)
    rng = np.random.default_rng(layer.int8.outputs[0])
    count = min(PLACES, grid.places, max(1, MAX_VALUES // (len(ours) * int(np.prod(kernel[1:])))))
    places = rng.permutation(grid.places)[:count]
    zero = pair.int8.scale(source)[1]
    mine = pair.int8.real(source, grid.take(ours, places, zero))
    real = grid.take(theirs, places, 0)
    return Patches(_grouped(mine, layer, kernel), _grouped(real, layer, kernel))


@dataclass(frozen=True, slots=True)
class _Grid:
    """Geometry of a convolution; all pairs are (vertical, horizontal)."""

    inputs: tuple[int, int]
    outputs: tuple[int, int]
    kernel: tuple[int, int]
    stride: tuple[int, int]
    dilation: tuple[int, int]
    before: tuple[int, int]
    """Padding at the top and at the left."""

    @classmethod
    def of(cls, layer: Layer, shape: tuple[int, ...], kernel: tuple[int, ...]) -> _Grid:
        """Build the grid from the schema's options; TensorFlow's SAME padding puts an odd pixel at the bottom right."""
        options = layer.int8.options
        stride = int(options.strideH), int(options.strideW)
        dilation = int(options.dilationHFactor), int(options.dilationWFactor)
        outputs, before = [], []
        for size, taps, step, spread in zip(shape[1:3], kernel[1:3], stride, dilation, strict=True):
            reach = (taps - 1) * spread + 1
            same = int(options.padding) == 0
            count = -(-size // step) if same else (size - reach) // step + 1
            outputs.append(count)
            before.append(max(0, (count - 1) * step + reach - size) // 2 if same else 0)
        return cls(
            (shape[1], shape[2]), (outputs[0], outputs[1]), (kernel[1], kernel[2]), stride, dilation,
            (before[0], before[1]),
        )  # fmt: skip

    @property
    def places(self) -> int:
        """Number of output positions per channel."""
        return self.outputs[0] * self.outputs[1]

    def take(self, pictures: Sequence[Array], places: Array, outside: int) -> Array:
        """Gather patches, (samples, taps, channels), from arrays (1, height, width, channels).

        ``outside``: value of the padding.
        """
        y, x = np.divmod(places, self.outputs[1])
        down, inside_y = self._line(y, 0)
        across, inside_x = self._line(x, 1)
        down, across = down[:, :, np.newaxis], across[:, np.newaxis, :]
        found = np.stack([picture[0][down, across] for picture in pictures])
        outer = ~(inside_y[:, :, np.newaxis] & inside_x[:, np.newaxis, :])
        found[:, outer] = outside
        return found.reshape(-1, self.kernel[0] * self.kernel[1], found.shape[-1])

    def _line(self, at: Array, axis: int) -> tuple[Array, Array]:
        taps = np.arange(self.kernel[axis]) * self.dilation[axis]
        found = at[:, np.newaxis] * self.stride[axis] + taps - self.before[axis]
        return np.clip(found, 0, self.inputs[axis] - 1), (found >= 0) & (found < self.inputs[axis])


def _grouped(found: Array, layer: Layer, kernel: tuple[int, ...]) -> Array:
    """Rearrange (samples, taps, input channels) to (groups, samples, values)."""
    if not layer.depthwise:
        return found.reshape(1, len(found), -1)
    by_channel = np.ascontiguousarray(found.transpose(2, 0, 1))
    multiplier = kernel[-1] // found.shape[-1]
    return by_channel if multiplier == 1 else np.repeat(by_channel, multiplier, axis=0)
