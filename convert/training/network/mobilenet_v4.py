"""MobileNetV4-Conv-Small and -Medium as Keras networks.

D. Qin et al., 2024, MobileNetV4: Universal Models for the Mobile Ecosystem (arXiv:2404.10518), tables 11 and 12.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ... import backend

STEM, TOP, HEAD = 32, 960, 1280
"""Filters of the first convolution, of the last one before pooling, and of the one after it."""
EPSILON = 1e-3
"""Epsilon of the batch normalization."""


@dataclass(frozen=True, slots=True)
class Conv:
    """A convolution."""

    kernel: int
    stride: int
    filters: int


@dataclass(frozen=True, slots=True)
class Fused:
    """A fused inverted bottleneck: a convolution that widens, and one that projects."""

    kernel: int
    stride: int
    expansion: int
    filters: int


@dataclass(frozen=True, slots=True)
class Uib:
    """A universal inverted bottleneck: depthwise, expand, depthwise, project; either depthwise convolution may be absent."""

    start: int
    """Kernel of the depthwise convolution before the expansion; 0: none."""
    middle: int
    """Kernel of the depthwise convolution after the expansion; 0: none."""
    stride: int
    expansion: int
    filters: int


Block = Conv | Fused | Uib
BLOCKS: dict[str, tuple[Block, ...]] = {
    "mobilenet_v4_small": (
        Conv(3, 2, 32),
        Conv(1, 1, 32),
        Conv(3, 2, 96),
        Conv(1, 1, 64),
        Uib(5, 5, 2, 3, 96),
        *(Uib(0, 3, 1, 2, 96),) * 4,
        Uib(3, 0, 1, 4, 96),
        Uib(3, 3, 2, 6, 128),
        Uib(5, 5, 1, 4, 128),
        Uib(0, 5, 1, 4, 128),
        Uib(0, 5, 1, 3, 128),
        *(Uib(0, 3, 1, 4, 128),) * 2,
    ),
    "mobilenet_v4_medium": (
        Fused(3, 2, 4, 48),
        Uib(3, 5, 2, 4, 80),
        Uib(3, 3, 1, 2, 80),
        Uib(3, 5, 2, 6, 160),
        *(Uib(3, 3, 1, 4, 160),) * 2,
        Uib(3, 5, 1, 4, 160),
        Uib(3, 3, 1, 4, 160),
        Uib(3, 0, 1, 4, 160),
        Uib(0, 0, 1, 2, 160),
        Uib(3, 0, 1, 4, 160),
        Uib(5, 5, 2, 6, 256),
        Uib(5, 5, 1, 4, 256),
        *(Uib(3, 5, 1, 4, 256),) * 2,
        Uib(0, 0, 1, 4, 256),
        Uib(3, 0, 1, 4, 256),
        Uib(3, 5, 1, 2, 256),
        Uib(5, 5, 1, 4, 256),
        *(Uib(0, 0, 1, 4, 256),) * 2,
        Uib(5, 0, 1, 2, 256),
    ),
}
"""Name -> the blocks between the stem and the top."""


def build(name: str, side: int, channels: int) -> Any:
    """Build a network without its classifier, with random weights: from (b, side, side, channels) to features (b, 1, 1, 1280).

    The last convolution comes after the pooling, where it is nearly free.
    """
    keras = backend.keras()
    inputs = keras.Input((side, side, channels))
    x = _conv(inputs, "stem", Conv(3, 2, STEM))
    for number, block in enumerate(BLOCKS[name]):
        x = _block(x, block, number)
    x = _conv(x, "top", Conv(1, 1, TOP))
    x = keras.layers.GlobalAveragePooling2D(keepdims=True, name="head_pool")(x)
    x = _conv(x, "head", Conv(1, 1, HEAD))
    return keras.Model(inputs, x, name=name)


def _block(x: Any, block: Block, number: int) -> Any:
    if isinstance(block, Conv):
        return _conv(x, f"conv_{number}", block)
    if isinstance(block, Fused):
        wide = _conv(x, f"fused_{number}_expand", Conv(block.kernel, block.stride, block.expansion * x.shape[-1]))
        return _conv(wide, f"fused_{number}_project", Conv(1, 1, block.filters), active=False)
    return _uib(x, block, f"uib_{number}")


def _uib(x: Any, block: Uib, name: str) -> Any:
    before, channels = x, x.shape[-1]
    if block.start:
        x = _depthwise(x, f"{name}_start", block.start, 1 if block.middle else block.stride, active=False)
    x = _conv(x, f"{name}_expand", Conv(1, 1, block.expansion * channels))
    if block.middle:
        x = _depthwise(x, f"{name}_middle", block.middle, block.stride, active=True)
    x = _conv(x, f"{name}_project", Conv(1, 1, block.filters), active=False)
    short = block.stride == 1 and channels == block.filters
    return backend.keras().layers.Add(name=f"{name}_add")([before, x]) if short else x


def _conv(x: Any, name: str, conv: Conv, active: bool = True) -> Any:
    layer = backend.keras().layers.Conv2D
    return _normalized(
        layer(conv.filters, conv.kernel, conv.stride, "same", use_bias=False, name=name)(x), name, active
    )


def _depthwise(x: Any, name: str, kernel: int, stride: int, active: bool) -> Any:
    layer = backend.keras().layers.DepthwiseConv2D
    return _normalized(layer(kernel, stride, "same", use_bias=False, name=name)(x), name, active)


def _normalized(x: Any, name: str, active: bool) -> Any:
    layers = backend.keras().layers
    x = layers.BatchNormalization(epsilon=EPSILON, name=f"{name}_bn")(x)
    return layers.ReLU(name=f"{name}_relu")(x) if active else x
