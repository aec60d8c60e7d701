"""What the first layers of a serialized model do to pixels: do they prove a byte input, and can they be removed?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..keras_files.size_limits import numbers
from . import layer_graph

RAW_STD = 10.0
"""A layer that divides or shifts its input by more than this takes bytes: nobody divides 0..1 by ten or shifts it by ten."""
NEUTRAL = ("GetItem", "Stack", "Resizing", "CenterCrop", "RandomCrop", "ZeroPadding2D", "Cropping2D", "Concatenate",
           "UpSampling2D", "MaxPooling2D", "AveragePooling2D", "Reshape", "Flatten", "Permute", "ExpandDims", "Resize",
           "image.resize", "Transpose", "Squeeze", "Pad", "RGBToGrayscale", "image.rgb_to_grayscale",
           "image.grayscale_to_rgb", "Repeat", "Tile", "repeat", "tile")  # fmt: skip
"""Layers and operators that rearrange or mix pixels or channels without changing the range of their values."""
CLIPPING = ("Clip", "clip_by_value")


def first_layers(model: Mapping[str, Any]) -> list[layer_graph.Node]:
    """Return the layers from the input to the first branch, without those that are inactive at inference."""
    return [node for node in layer_graph.head(model) if not node.passive]


def proves_bytes(entry: list[layer_graph.Node]) -> str | None:
    """Name the first layers that prove that the model takes bytes 0..255; None if none do."""
    step = 1.0
    used: list[layer_graph.Node] = []
    for node in entry:
        if node.kind in NEUTRAL or _passes_bytes(node):
            continue
        line = scale_and_offset(node)
        if line is None:
            if not used and _normalizes_bytes(node):
                return f"the {node.kind} layer {node.name!r}"
            break
        used.append(node)
        step *= line[0]
        if abs(line[1]) > RAW_STD * abs(step):
            return _what(used)
    return _what(used) if used and 0 < abs(step) < 1 / RAW_STD else None


def hidden_normalization(model: Mapping[str, Any], entry: list[layer_graph.Node]) -> str | None:
    """Name a layer before the first weights that normalizes bytes, although the layers before it prove nothing.

    It is behind a branch or a layer of unknown effect. None if there is none, or if the first layers scale their input.
    """
    if any(scale_and_offset(node) is not None for node in entry):
        return None
    for node in layer_graph.before_weights(model):
        if proves_bytes([node]) is not None:
            return f"the {node.kind} layer {node.name!r}"
    return None


def _what(used: list[layer_graph.Node]) -> str:
    what = "the Rescaling layer" if {n.kind for n in used} == {"Rescaling"} else "the operators"
    return f"{what} {', '.join(repr(n.name) for n in used)}"


def scale_and_offset(node: layer_graph.Node) -> tuple[float, float] | None:
    """Return the largest scale and the largest offset (by magnitude) of a layer or operator that is affine per channel.

    A proof with the largest scale holds for all channels. None for other layers.
    """
    if node.kind == "Rescaling":
        scales, offsets = numbers(node.config.get("scale")), numbers(node.config.get("offset", 0.0))
    elif len(node.inputs) == 1 and len(node.arguments) in (1, 3):
        values = numbers(node.arguments)
        scales, offsets = _operator(node.kind, values, node.constant_first)
    else:
        return None
    if not scales or not offsets:
        return None
    return max(scales, key=abs), max(offsets, key=abs)


def _operator(kind: str, values: list[float], constant_first: bool) -> tuple[list[float], list[float]]:
    """Return the scales and offsets of an arithmetic operator with one constant, or one per channel; else empty lists."""
    if constant_first and kind == "Subtract":
        return [-1.0], values
    if constant_first and kind in ("TrueDivide", "Divide"):
        return [], []
    if kind in ("TrueDivide", "Divide"):
        return [1.0 / v for v in values if v], [0.0]
    if kind == "Multiply":
        return values, [0.0]
    return {"Add": ([1.0], values), "Subtract": ([1.0], [-v for v in values])}.get(kind, ([], []))


def _normalizes_bytes(node: layer_graph.Node) -> bool:
    """Return whether a node is a Normalization layer with the statistics of bytes."""
    if node.kind != "Normalization" or node.config.get("invert"):
        return False
    smallest = min((v**0.5 for v in numbers(node.config.get("variance")) if v > 0), default=0.0)
    return smallest > RAW_STD or max(map(abs, numbers(node.config.get("mean"))), default=0.0) > RAW_STD


def _passes_bytes(node: layer_graph.Node) -> bool:
    """Return whether a node only limits values to a range that includes all bytes."""
    bounds = numbers([node.config.get("x_min"), node.config.get("x_max"), *node.arguments])
    return node.kind in CLIPPING and len(bounds) == 2 and min(bounds) <= 0 and max(bounds) >= 255


def rescaling(entry: list[layer_graph.Node]) -> layer_graph.Node | None:
    """Return the first layer if it is a removable Rescaling layer (one positive scale for all channels), else None."""
    if not entry or entry[0].kind != "Rescaling":
        return None
    scale, offset = entry[0].config.get("scale"), entry[0].config.get("offset", 0.0)
    plain = isinstance(scale, (int, float)) and isinstance(offset, (int, float)) and scale > 0
    return entry[0] if plain else None
