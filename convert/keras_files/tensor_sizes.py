"""Sizes of the tensors between the layers of a serialized Keras model, propagated before anything is built.

Layers that enlarge their input multiply: two modest settings can ask for terabytes. Layers of unknown effect are
assumed to keep the size, so this finds only what enlarging and reshaping layers add up to.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import prod
from pathlib import Path
from typing import Any, NamedTuple

from edgevision.errors import BadModel

from .size_limits import MAX_TENSOR, numbers

MAX_VALUES = MAX_TENSOR
"""Maximum number of weights of a layer."""
MAX_GROWTH = 128
"""Maximum number of values in the output of a layer, for one image, per value of the image; VGG16 needs 21."""
MIN_VALUES = 1 << 22
"""Number of values that any layer may have."""
SIDE = 224
"""Side of the image in pixels where nothing shows it."""
_MODELS = ("Functional", "Model", "Sequential", "Pipeline")
_KERNELS = ("Dense", "Conv2D", "Conv2DTranspose")
"""Layers whose weights connect every input channel with every output channel."""

Shape = tuple[float, ...]


class _File(NamedTuple):
    path: Path
    values: float
    """Maximum number of values in the output of a layer."""


def check(config: Mapping[str, Any], path: Path, side: int | None = None) -> None:
    """Refuse cycles and tensors that are too large for any board. Raises BadModel.

    ``side``: side of the input in pixels, where the model takes any size.
    """
    values = min(MAX_TENSOR, max(MIN_VALUES, MAX_GROWTH * image_values(config, side)))
    _outputs(config, (), _File(path, values), side or SIDE, 0)


def image_values(config: Mapping[str, Any], side: int | None = None) -> float:
    """Return the number of values in an image for the model; ``side`` as for ``check``."""
    image = next(_declared_inputs(config, side or SIDE), ())
    return prod(image or (side or SIDE, side or SIDE, 3))


def _declared_inputs(config: object, side: int) -> Iterator[Shape]:
    """Yield the input shapes that layers declare, in file order."""
    stack = [config]
    while stack:
        value = stack.pop()
        if isinstance(value, Mapping):
            shape = _declared(value, side)
            if len(shape) > 1:
                yield shape
            stack.extend(reversed(list(value.values())))
        elif isinstance(value, list):
            stack.extend(reversed(value))


def _outputs(model: Mapping[str, Any], given: Shape, file: _File, side: int, depth: int) -> Shape:
    """Return the shape of a model's output without the batch; an empty shape is unknown."""
    config = model.get("config")
    entries = config if isinstance(config, list) else config.get("layers") if isinstance(config, Mapping) else None
    layers = [entry for entry in entries if isinstance(entry, Mapping)] if isinstance(entries, list) else []
    if model.get("class_name") in ("Sequential", "Pipeline"):
        for layer in layers:
            given = _layer(layer, given, file, side, depth)
        return given
    names = {_name(layer): layer for layer in layers}
    reads = {
        name: [one for one in _sources(layer.get("inbound_nodes")) if one in names] for name, layer in names.items()
    }
    shapes: dict[str, Shape] = {}
    last: Shape = ()
    for name in _ordered(reads, file):
        before = [shapes[one] for one in reads[name] if shapes.get(one)]
        shape = max(before, key=prod, default=given if not reads[name] else ())
        if (
            names[name].get("class_name") == "Concatenate"
            and len(before) > 1
            and len({len(one) for one in before}) == 1
        ):
            shape = (*before[0][:-1], sum(one[-1] for one in before))
        last = shapes[name] = _layer(names[name], shape, file, side, depth)
    ends = config.get("output_layers") if isinstance(config, Mapping) else None
    end = next((one for one in _texts(ends) if one in shapes), None)
    return shapes[end] if end is not None else last


def _ordered(reads: dict[str, list[str]], file: _File) -> list[str]:
    """Return the layers in the order of computation. Raises BadModel if they form a circle."""
    waiting = {name: len(set(sources)) for name, sources in reads.items()}
    readers: dict[str, list[str]] = {}
    for name, sources in reads.items():
        for source in set(sources):
            readers.setdefault(source, []).append(name)
    ready = [name for name, count in waiting.items() if not count]
    for name in ready:  # grows while it is read
        for reader in readers.get(name, ()):
            waiting[reader] -= 1
            if not waiting[reader]:
                ready.append(reader)
    if len(ready) < len(reads):
        stuck = next(name for name, count in waiting.items() if count)
        raise BadModel(
            f"{file.path}: layer {stuck!r} reads its own output: the layers form a circle; corrupt or malicious file"
        )
    return ready


def _layer(entry: Mapping[str, Any], given: Shape, file: _File, side: int, depth: int) -> Shape:
    kind, config = entry.get("class_name"), entry.get("config")
    if kind in _MODELS:
        return _outputs(entry, given, file, side, depth + 1)
    if not isinstance(config, Mapping):
        return given
    shape = given or _declared(config, side)  # an adapted Normalization layer of Keras 2 declares only unknown sides
    found = _shape_of(str(kind), config, shape)
    if not prod(found) <= file.values:
        sizes = "x".join(f"{n:.6g}" for n in found)
        raise BadModel(
            f"{file.path}: layer {_name(entry)!r} ({kind}) makes tensors of {sizes} values; "
            f"the maximum for this input is {file.values:.0f}: "
            "corrupt or malicious file, or too large for a small board"
        )
    width = prod(numbers([config.get("units"), config.get("filters")]))
    weights = width * prod(numbers(config.get("kernel_size"))) * shape[-1] if shape and kind in _KERNELS else 0
    if not weights <= MAX_VALUES:
        raise BadModel(
            f"{file.path}: layer {_name(entry)!r} ({kind}) has {weights:.4g} weights; the maximum is {MAX_VALUES}: "
            "corrupt or malicious file, or too large for a small board"
        )
    return found


def _declared(config: Mapping[str, Any], side: int) -> Shape:
    """Return the input shape that a layer declares; sides left open are as given."""
    for key in ("batch_shape", "batch_input_shape"):
        value = config.get(key)
        if isinstance(value, Mapping):
            value = value.get("items")
        if isinstance(value, list) and len(value) > 1:
            known = [float(n) if isinstance(n, (int, float)) else None for n in value[1:]]
            last = 3.0 if known[-1] is None and len(known) == 3 else known[-1]
            return tuple(float(side) if n is None else n for n in [*known[:-1], last])
    return ()


def _shape_of(kind: str, config: Mapping[str, Any], shape: Shape) -> Shape:
    """Return the shape of a layer's output."""
    if kind in ("Reshape", "Flatten"):
        target = tuple(n for n in numbers(config.get("target_shape")) if n > 0)
        return target if kind == "Reshape" and prod(target) == prod(shape) else (float(prod(shape)),) if shape else ()
    if kind in ("Dense", "EinsumDense") and shape:
        return (*shape[:-1], *(numbers(config.get("units")) or shape[-1:]))
    if kind.startswith("Global") and shape:
        return shape[-1:]
    if len(shape) != 3:
        return shape
    height, width, depth = shape
    if kind == "UpSampling2D":
        y, x = _pair(config.get("size"), 2.0)
        return height * y, width * x, depth
    if kind in ("ZeroPadding2D", "Cropping2D"):
        borders = numbers(config.get("padding" if kind == "ZeroPadding2D" else "cropping"))
        if len(borders) == 2:
            borders = [borders[0]] * 2 + [borders[1]] * 2
        top, bottom, left, right = borders if len(borders) == 4 else (borders or [1.0])[:1] * 4
        sign = 1 if kind == "ZeroPadding2D" else -1
        return max(height + sign * (top + bottom), 0), max(width + sign * (left + right), 0), depth
    if kind in ("Resizing", "CenterCrop", "RandomCrop"):
        return (*(numbers(config.get("height")) or [height])[:1], *(numbers(config.get("width")) or [width])[:1], depth)
    if kind in ("Conv2D", "SeparableConv2D", "DepthwiseConv2D", "Conv2DTranspose") or kind.endswith("Pooling2D"):
        default = 2.0 if kind.endswith("Pooling2D") else 1.0
        y, x = _pair(config.get("strides") or config.get("pool_size"), default)
        filters = (numbers(config.get("filters")) or [depth * (numbers(config.get("depth_multiplier")) or [1.0])[0]])[0]
        if kind == "Conv2DTranspose":
            window = _pair(config.get("kernel_size"), 1.0)
            return height * y + window[0], width * x + window[1], filters
        return max(height // max(y, 1.0), 1.0), max(width // max(x, 1.0), 1.0), filters
    return shape


def _pair(value: object, default: float) -> tuple[float, float]:
    found = numbers(value) or [default]
    return found[0], found[-1]


def _name(entry: Mapping[str, Any]) -> str:
    config = entry.get("config")
    return str(entry.get("name") or (config.get("name") if isinstance(config, Mapping) else None) or id(entry))


def _sources(value: object) -> list[str]:
    """Return the names of the layers in the calls of a layer, as Keras 2 and 3 write them."""
    found: list[str] = []
    stack = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, Mapping):
            history = item.get("config", {}).get("keras_history") if isinstance(item.get("config"), Mapping) else None
            found += _texts(history)[:1]
            stack.extend(inner for key, inner in item.items() if key != "config" or history is None)
        elif isinstance(item, list):
            if len(item) in (3, 4) and isinstance(item[0], str) and all(type(one) is int for one in item[1:3]):
                found.append(item[0])
                stack.extend(item[3:])
            else:
                stack.extend(item)
    return found


def _texts(value: object) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, Mapping):
        value = list(value.values())
    return [text for item in value for text in _texts(item)] if isinstance(value, list) else []
