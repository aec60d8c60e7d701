"""Limits for the sizes in a serialized Keras architecture, checked before memory is allocated for them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import prod
from typing import Any

MAX_WIDTH = 1 << 17
"""Maximum number of channels, units or classes of a layer; ImageNet-21k has 21,843 classes."""
MAX_WINDOW = 2048
"""Maximum side in pixels of a kernel, stride, border or resized image."""
MAX_TENSOR = 1 << 28
"""Maximum number of values in a tensor (1 GiB as float32), the size of the largest one in VGG16 at 2048x2048."""
MAX_NUMBERS_PER_BYTE = 4
"""Maximum number of weights in the architecture per byte of the file; even 4-bit weights need half a byte each."""
_LIMITS = {
    **dict.fromkeys(("units", "filters", "output_dim", "num_heads", "key_dim", "value_dim"), MAX_WIDTH),
    **dict.fromkeys(("output_shape", "head_dim", "num_query_heads", "num_key_value_heads"), MAX_WIDTH),
    **dict.fromkeys(("depth_multiplier", "groups", "n", "input_dim"), MAX_WIDTH),
    **dict.fromkeys(("kernel_size", "pool_size", "strides", "dilation_rate", "size"), MAX_WINDOW),
    **dict.fromkeys(("padding", "cropping", "height", "width"), MAX_WINDOW),
}
_SHAPES = ("shape", "batch_shape", "batch_input_shape", "target_shape")


def refusal(entry: Mapping[str, Any]) -> str | None:
    """Return which setting of a serialized object (a JSON object with ``class_name``) exceeds its limit, or None."""
    config = entry.get("config")
    if not isinstance(config, Mapping):
        return None
    for name, limit in _LIMITS.items():
        largest = max(numbers(config.get(name)), default=0)
        if not largest <= limit:  # also true for NaN
            return f"has {name} {largest:.6g}; the maximum is {limit}"
    for shape in (*map(config.get, _SHAPES), *_built_from(entry)):
        if not prod(numbers(shape)) <= MAX_TENSOR:
            sides = "x".join(f"{n:g}" for n in numbers(shape))
            return f"has tensors of {sides} values; the maximum is {MAX_TENSOR}"
    return None


def _built_from(entry: Mapping[str, Any]) -> Iterator[list[Any]]:
    """Yield the recorded shapes from which Keras 3 creates a layer's weights before the layer is called."""
    stack = [entry.get("build_config")]
    while stack:
        value = stack.pop()
        if isinstance(value, Mapping):
            stack.extend(value.values())
        elif isinstance(value, list) and any(isinstance(inner, (list, Mapping)) for inner in value):
            stack.extend(value)
        elif isinstance(value, list):
            yield value


def weights(entry: Mapping[str, Any]) -> float:
    """Return the minimum number of weights of a serialized layer; exact if the file records the layer's input."""
    config = entry.get("config")
    if not isinstance(config, Mapping):
        return 0
    window = prod(numbers(config.get("kernel_size")))
    width = prod(numbers([config.get("units"), config.get("filters")]))
    read = _channels(entry)
    kind = entry.get("class_name")
    if kind in ("Dense", "Conv1D", "Conv2D", "Conv2DTranspose"):
        return width * window * read / max([1.0, *numbers(config.get("groups"))])
    if kind in ("DepthwiseConv1D", "DepthwiseConv2D"):
        return window * read
    if kind in ("SeparableConv1D", "SeparableConv2D"):
        return (window + width) * read
    if kind == "Embedding":
        return prod(numbers([config.get("input_dim"), config.get("output_dim")]))
    return 0


def too_many(count: float, file_bytes: int) -> str | None:
    """Return why an architecture of at least ``count`` weights does not fit a file of ``file_bytes``, or None."""
    if count <= MAX_NUMBERS_PER_BYTE * file_bytes:
        return None
    return f"needs at least {count:.4g} weights, but the file has only {file_bytes} bytes"


def _channels(entry: Mapping[str, Any]) -> float:
    """Return the number of input channels of a layer as recorded by Keras 3; 1 if not recorded."""
    built = entry.get("build_config")
    shape = built.get("input_shape") if isinstance(built, Mapping) else None
    last = numbers(shape)[-1:] or next(_tensor_shapes(entry.get("inbound_nodes")), [])[-1:]
    return last[0] if last else 1


def _tensor_shapes(value: object) -> Iterator[list[float]]:
    """Yield the shapes of the tensors in a layer's calls."""
    stack = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, list):
            stack.extend(reversed(item))
        elif isinstance(item, Mapping) and item.get("class_name") == "__keras_tensor__":
            config = item.get("config")
            yield numbers(config.get("shape")) if isinstance(config, Mapping) else []
        elif isinstance(item, Mapping):
            stack.extend(item.values())


HUGE = 1e30
"""Upper bound for the numbers returned, because integers in JSON are unbounded."""


def numbers(value: object) -> list[float]:
    """Return all numbers of a setting, in nested lists too, without booleans and text."""
    found: list[float] = []
    stack = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, (list, tuple)):
            stack.extend(reversed(item))
        elif isinstance(item, Mapping) and item.get("class_name") in ("__tuple__", "TensorShape"):
            stack.append(item.get("items"))
        elif isinstance(item, (int, float)) and not isinstance(item, bool):
            found.append(min(HUGE, item) if item == item else item)
    return found
