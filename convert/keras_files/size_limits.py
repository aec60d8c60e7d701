"""Sizes in a serialized Keras architecture that no model for a small board has: found before memory is taken for them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import prod
from typing import Any

MAX_WIDTH = 1 << 17
"""Channels, units or classes of one layer; ImageNet-21k has 21,843 classes."""
MAX_WINDOW = 2048
"""Pixels of a side of a kernel, a stride, a border, or of the picture that a layer resizes to."""
MAX_TENSOR = 1 << 28
"""Numbers in one tensor, 1 GiB of them; the largest of VGG16 at 2048x2048 has as many."""
MAX_NUMBERS_PER_BYTE = 4
"""Weights that an architecture may ask for, for each byte of the file: even weights of 4 bits are two to a byte."""
_LIMITS = {
    **dict.fromkeys(("units", "filters", "output_dim", "num_heads", "key_dim", "value_dim"), MAX_WIDTH),
    **dict.fromkeys(("depth_multiplier", "groups", "n", "input_dim"), MAX_WIDTH),
    **dict.fromkeys(("kernel_size", "pool_size", "strides", "dilation_rate", "size"), MAX_WINDOW),
    **dict.fromkeys(("padding", "cropping", "height", "width"), MAX_WINDOW),
}
_SHAPES = ("shape", "batch_shape", "batch_input_shape", "target_shape")


def refusal(entry: Mapping[str, Any]) -> str | None:
    """Which setting of a serialized object (a JSON object with ``class_name``) is absurd, or None if none is."""
    config = entry.get("config")
    if not isinstance(config, Mapping):
        return None
    for name, limit in _LIMITS.items():
        largest = max(numbers(config.get(name)), default=0)
        if not largest <= limit:  # NaN, too
            return f"has {name} {largest:.6g}; at most {limit} is converted"
    for shape in (*map(config.get, _SHAPES), *_built_from(entry)):
        if not prod(numbers(shape)) <= MAX_TENSOR:
            sides = "x".join(f"{n:g}" for n in numbers(shape))
            return f"has tensors of {sides} numbers; at most {MAX_TENSOR} are converted"
    return None


def _built_from(entry: Mapping[str, Any]) -> Iterator[list[Any]]:
    """Yield the shapes for which Keras 3 creates a layer's weights before the layer is called."""
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
    """How many weights a serialized layer has at least: all, where the file says what the layer reads."""
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
    """What is wrong with an architecture of at least ``count`` weights in a file of ``file_bytes``, or None."""
    if count <= MAX_NUMBERS_PER_BYTE * file_bytes:
        return None
    return f"asks for at least {count:.4g} weights, and the file has no more than {file_bytes} bytes of them"


def _channels(entry: Mapping[str, Any]) -> float:
    """Of what a layer reads, as Keras 3 wrote it; 1 where nothing says it."""
    built = entry.get("build_config")
    shape = built.get("input_shape") if isinstance(built, Mapping) else None
    last = numbers(shape)[-1:] or next(_tensor_shapes(entry.get("inbound_nodes")), [])[-1:]
    return last[0] if last else 1


def _tensor_shapes(value: object) -> Iterator[list[float]]:
    """The shapes of the tensors in the calls of a layer."""
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
"""What is larger counts as this: whole numbers in JSON have no end."""


def numbers(value: object) -> list[float]:
    """All numbers of a setting, in whatever lists; truth values and text are none."""
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
