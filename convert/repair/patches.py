"""What the outputs of a layer see of its input: patches at a few random places of every picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .pair import DENSE, Layer, Pair

if TYPE_CHECKING:
    import numpy.typing as npt

    Array = npt.NDArray[Any]

PLACES = 32
"""Of each picture; neighbours say much the same."""
MAX_VALUES = 8_000_000
"""Numbers in all samples of a layer and side; 32 MB."""


@dataclass(frozen=True, slots=True, eq=False)
class Patches:
    """The same places of both models, real values: (groups, samples, values), float32.

    A depthwise layer has one group for each output channel, others have one group in all; ``values`` is how many inputs
    each output multiplies.
    """

    int8: Array
    float: Array


def sample(pair: Pair, layer: Layer, ours: Sequence[Array], theirs: Sequence[Array]) -> Patches:
    """Patches of a layer's input, one array (1, ...) a picture; the same places every time."""
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
    """Where a convolution looks: (down, across) throughout."""

    inputs: tuple[int, int]
    outputs: tuple[int, int]
    kernel: tuple[int, int]
    stride: tuple[int, int]
    dilation: tuple[int, int]
    before: tuple[int, int]
    """Padding above and left."""

    @classmethod
    def of(cls, layer: Layer, shape: tuple[int, ...], kernel: tuple[int, ...]) -> _Grid:
        """From the schema's options; TensorFlow's SAME padding puts the odd pixel below and right."""
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
        """Outputs of one channel."""
        return self.outputs[0] * self.outputs[1]

    def take(self, pictures: Sequence[Array], places: Array, outside: int) -> Array:
        """Arrays (1, height, width, channels) to (samples, taps, channels); ``outside`` is what the padding holds."""
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
    """(samples, taps, input channels) to (groups, samples, values)."""
    if not layer.depthwise:
        return found.reshape(1, len(found), -1)
    by_channel = np.ascontiguousarray(found.transpose(2, 0, 1))
    multiplier = kernel[-1] // found.shape[-1]
    return by_channel if multiplier == 1 else np.repeat(by_channel, multiplier, axis=0)
