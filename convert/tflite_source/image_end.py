"""Brings the start of a float graph into our form: channels last, and the normalization in the scale of the input."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from edgevision.errors import BadInput, BadModel
from edgevision.preprocessing.image_input import image_input
from edgevision.preprocessing.spec import Preprocessing
from edgevision.tflite.flat_graph import Operator
from edgevision.types import TensorSpec

from ..source_model.float_model import fits_one_scale, input_convolution, of_bytes
from .source_graph import SourceGraph

if TYPE_CHECKING:
    import numpy.typing as npt

    Array = npt.NDArray[Any]

MOVING = frozenset(
    "CONCATENATION GATHER MIRROR_PAD PACK RESIZE_BILINEAR RESIZE_NEAREST_NEIGHBOR REVERSE_V2 SLICE SPACE_TO_DEPTH SPLIT "
    "STRIDED_SLICE UNPACK".split()
)
"""Operators that rearrange pixels or channels: they share their int8 range with the input."""
TO_LAST, TO_FIRST = (0, 2, 3, 1), (0, 3, 1, 2)
"""Axes of a TRANSPOSE from channels first to channels last, and back."""


def image_as_bytes(graph: SourceGraph, preprocessing: Preprocessing) -> Preprocessing:
    """Change a graph so that its input is one image, channels last, with a scale that takes bytes; return its preprocessing.

    ``preprocessing``: that of the graph as given. What the network itself computes first from each pixel becomes part of
    it. What one mean and std cannot express becomes a 1x1 convolution, as for a Keras model.
    """
    spec = TensorSpec(graph.name(graph.image), graph.shape(graph.image), graph.dtype(graph.image))
    found = image_input(spec)
    if found is None:
        raise BadModel(f"the input has the shape {list(spec.shape)}, expected one image [1, height, width, channels]")
    preprocessing = _without_scaling(graph, preprocessing, axis=1 if found.channels_first else 3)
    if found.channels_first:
        _channels_last(graph)
        preprocessing = _without_scaling(graph, preprocessing, axis=3)
    elif len(spec.shape) != 4:
        graph.prepend_reshape((1, found.height, found.width, found.channels))
    moves = any(op.name in MOVING for op in graph.readers(graph.image))
    if fits_one_scale(preprocessing) and not moves:
        return preprocessing
    graph.prepend_convolution(*input_convolution(preprocessing))
    return of_bytes(preprocessing)


def _channels_last(graph: SourceGraph) -> None:
    """Make the input channels last: PyTorch's exporters transpose it first of all, which is left out then."""
    readers = graph.readers(graph.image)
    if readers and all(_axes(graph, op) == TO_LAST for op in readers):
        _, channels, height, width = graph.shape(graph.image)
        new = graph.add_tensor("image", "float32", (1, height, width, channels))
        for operator in readers:
            graph.replace(operator.outputs[0], new)
        graph.remove(readers)
        graph.set_image(new)
    else:
        graph.prepend_transpose(TO_FIRST)


def _axes(graph: SourceGraph, operator: Operator) -> tuple[int, ...] | None:
    if operator.name != "TRANSPOSE" or not graph.is_constant(operator.inputs[1]):
        return None
    return tuple(int(n) for n in graph.constant(operator.inputs[1]).ravel())


def _without_scaling(graph: SourceGraph, preprocessing: Preprocessing, axis: int) -> Preprocessing:
    """Move multiplications and additions at the input into the preprocessing; ``axis``: that of the channels."""
    while True:
        readers = graph.readers(graph.image)
        alone = len(readers) == 1 and readers[0].outputs[0] not in graph.outputs
        line = _line(graph, readers[0], axis) if alone else None
        after = None if line is None else _through(preprocessing, *line)
        if after is None:
            return preprocessing
        preprocessing = after
        graph.replace(readers[0].outputs[0], graph.image)
        graph.remove(readers)


def _line(graph: SourceGraph, operator: Operator, axis: int) -> tuple[Array, Array] | None:
    """Return factor and summand of each channel if an operator computes factor * image + summand; else None."""
    if operator.name not in ("MUL", "DIV", "ADD", "SUB") or operator.options.fusedActivationFunction:
        return None
    first, second = operator.inputs
    if first != graph.image and operator.name in ("MUL", "ADD"):
        first, second = second, first
    if first != graph.image or not graph.is_constant(second) or graph.dtype(second) != "float32":
        return None
    if graph.shape(operator.outputs[0]) != graph.shape(graph.image):
        return None
    values = _by_channel(graph, second, axis)
    if values is None:
        return None
    one, zero = np.ones_like(values), np.zeros_like(values)
    if operator.name in ("MUL", "DIV"):
        with np.errstate(divide="ignore"):
            return (values if operator.name == "MUL" else 1.0 / values), zero
    return one, (values if operator.name == "ADD" else -values)


def _by_channel(graph: SourceGraph, tensor: int, axis: int) -> Array | None:
    """Return a constant that has one value, or one of each channel, as (1,) or (channels,), float64; else None."""
    values = graph.constant(tensor).astype(np.float64)
    image = graph.shape(graph.image)
    if values.size == 1:
        return values.reshape(1)
    sides = (1,) * (len(image) - values.ndim) + values.shape
    alone = len(image) == 4 and all(side == (image[n] if n == axis else 1) for n, side in enumerate(sides))
    return values.reshape(-1) if alone else None


def _through(preprocessing: Preprocessing, factor: Array, summand: Array) -> Preprocessing | None:
    """Return the preprocessing of factor * (pixel - mean) / std + summand; None if it cannot be written as one."""
    mean, std = np.asarray(preprocessing.mean), np.asarray(preprocessing.std)
    if not (np.isfinite(factor) & (factor > 0)).all():
        return None
    try:
        return replace(preprocessing, mean=_short(mean - summand * std / factor), std=_short(std / factor))
    except BadInput:  # out of the range of a preprocessing
        return None


def _short(values: Array) -> tuple[float, ...]:
    # Seven digits, those of the constants, so that 1 / 0.003921569 becomes 255 again.
    found = tuple(float(f"{value:.7g}") for value in np.atleast_1d(values))
    return found[:1] if len(set(found)) == 1 else found
