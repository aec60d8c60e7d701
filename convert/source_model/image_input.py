"""The image that a model takes: height, width and channels from its input shape, known from the file where possible."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

from edgevision.errors import BadModel

from ..keras_files.scan import Scan
from ..keras_files.size_limits import numbers
from . import layer_graph
from .input_layers import NEUTRAL, first_layers, scale_and_offset

MAX_SIDE = 2048
"""Maximum side of the input in pixels; larger activations do not fit on a small board."""
RESHAPING = ("Reshape", "Flatten", "ExpandDims")
"""Layers that prove that an input of another shape is an image, if they come first."""
Shape = tuple[int | None, ...]


@dataclass(frozen=True, slots=True)
class ImageInput:
    """The image that a network takes."""

    height: int
    width: int
    channels: int
    own_shape: tuple[int, ...] | None = None
    """Shape of the network's own input if it is another one: (28, 28) or (784,)."""


def require_declared_image(found: Scan) -> None:
    """Check the input that a Keras file declares, before anything is loaded. Raises BadModel if it is not one image."""
    if found.format not in ("keras", "h5"):
        return
    if not layer_graph.graph(found.config).nodes:
        raise BadModel(f"{found.path} has no layers: corrupt file or not a Keras model")
    shapes = _declared(found.config)
    if shapes is not None and len(shapes) > 1:
        listed = ", ".join(str(shape) for shape in shapes)
        raise BadModel(f"{found.path} has {len(shapes)} inputs ({listed}), expected exactly one image input")
    if shapes and shapes[0] is not None:
        image_input(shapes[0], found)


def image_input(shape: Shape, found: Scan) -> ImageInput:
    """Return the image for an input shape (with the batch). Raises BadModel if it is not one image.

    Shapes without channels, and flat ones, are taken as images if the first layers of ``found.config`` reshape them.
    """
    if len(shape) in (2, 3) and shape[0] in (None, 1) and all(shape[1:]):
        own = tuple(n for n in shape[1:] if n is not None)
        height, width, channels = _reshaped(own, found)
        return ImageInput(height, width, channels, own)
    return ImageInput(*_picture_size(shape, found))


def _picture_size(shape: Shape, found: Scan) -> tuple[int, int, int]:
    path, side = found.path, found.options.image_size
    if len(shape) != 4 or shape[0] not in (None, 1):
        raise BadModel(f"{path} has the input shape {shape}, expected one image (None, height, width, channels)")
    _, height, width, channels = shape
    if channels not in (1, 3):
        first = "; channels first is not supported, use channels last" if height in (1, 3) else ""
        raise BadModel(f"{path} has the input shape {shape}, expected 1 or 3 channels in the last dimension{first}")
    if side is None and (height is None or width is None):
        raise BadModel(
            f"{path} takes images of any size ({shape}), but a small board needs a fixed size: "
            "give the size it was trained with, for example --image-size 224"
        )
    if side is not None and any(n not in (None, side) for n in (height, width)):
        raise BadModel(f"{path} takes images of {width}x{height}, not {side}x{side}; omit --image-size")
    height, width = height or side, width or side
    assert height is not None and width is not None and channels is not None
    if max(height, width) > MAX_SIDE:
        raise BadModel(f"{path} takes images of {width}x{height}; the maximum is {MAX_SIDE}x{MAX_SIDE}")
    return height, width, channels


def _reshaped(own: tuple[int, ...], found: Scan) -> tuple[int, int, int]:
    """Return the image for an input without channels, or a flat one. Raises BadModel if the file does not show it."""
    first = _first_reshape(found.config)
    shape, side = (None, *own), found.options.image_size
    if len(own) == 2 and max(own) <= MAX_SIDE and first is not None:
        return own[0], own[1], 1
    if len(own) == 2:
        raise BadModel(
            f"{found.path} has the input shape {shape} and does not reshape it into an image at once, "
            "expected one image (None, height, width, channels)"
        )
    target = tuple(int(n) for n in numbers(first.config.get("target_shape"))) if first is not None else ()
    if target.count(-1) == 1:
        target = tuple(own[0] // max(1, -prod(target)) if n == -1 else n for n in target)
    image = (*target, 1) if len(target) == 2 else target
    if side is not None and own[0] in (side * side, 3 * side * side):
        image = (side, side, own[0] // (side * side))
    if len(image) != 3 or image[2] not in (1, 3) or prod(image) != own[0] or max(image) > MAX_SIDE:
        advice = f"{own[0]} values"
        root = round(own[0] ** 0.5)
        if root * root == own[0] and root >= 8:
            advice += f"; if they are the pixels of a gray image of {root}x{root}, row by row, give --image-size {root}"
        raise BadModel(f"{found.path} has the flat input shape {shape}, and nothing shows the image in its {advice}")
    return image


def _first_reshape(config: Mapping[str, Any]) -> layer_graph.Node | None:
    """Return the first layer if it reshapes; layers that only scale the input may come before it."""
    for node in first_layers(config):
        if node.kind in RESHAPING:
            return node
        if node.kind in NEUTRAL or scale_and_offset(node) is None:
            return None
    return None


def _declared(model: Mapping[str, Any]) -> list[Shape | None] | None:
    """Return the shapes of the inputs that a serialized model declares, each None if unknown; None if nothing shows them."""
    found = layer_graph.graph(model)
    if not found.inputs:
        return None
    shapes = [_declared_by(found.node(name)) for name in found.inputs]
    if shapes == [None] and isinstance(model.get("config"), Mapping):
        return [_shape(model["config"].get("build_input_shape"))]
    return shapes


def _declared_by(node: layer_graph.Node | None) -> Shape | None:
    if node is None:
        return None
    if node.kind in layer_graph.MODELS:
        inner = _declared({"class_name": node.kind, "config": node.config})
        return inner[0] if inner is not None and len(inner) == 1 else None
    return _shape(node.config.get("batch_shape") or node.config.get("batch_input_shape"))


def _shape(value: object) -> Shape | None:
    """Return a serialized shape, or None."""
    if isinstance(value, Mapping):
        value = value.get("items")
    if not isinstance(value, list) or not all(n is None or (type(n) is int and n > 0) for n in value):
        return None
    return tuple(value)
