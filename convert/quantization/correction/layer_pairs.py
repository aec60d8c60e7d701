"""An int8 model and its float model, matched operator by operator."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from edgevision.tflite.editable_model import FlatModel
from edgevision.tflite.flat_graph import Operator

if TYPE_CHECKING:
    import numpy.typing as npt

    Array = npt.NDArray[Any]

DEPTHWISE = "DEPTHWISE_CONV_2D"
DENSE = "FULLY_CONNECTED"
LAYERS = ("CONV_2D", DEPTHWISE, DENSE)
"""Operators with weights and a bias, which repair can improve."""
_CONVERSIONS = ("QUANTIZE", "DEQUANTIZE")
"""Operators that only one of the two models contains."""
_VIEWS = ("RESHAPE", "SQUEEZE", "EXPAND_DIMS")
"""Operators that only give a tensor another shape; the quantizer writes all of them as RESHAPE."""


class CannotPair(Exception):
    """The two graphs differ in more than their types and cannot be compared."""


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
    """An operator with weights and bias, in both models."""

    name: str
    """Name of the Keras layer; two operators of one layer share it."""
    int8: Operator
    reference: Operator

    @property
    def depthwise(self) -> bool:
        """True if each output channel reads exactly one input channel."""
        return self.int8.name == DEPTHWISE

    @property
    def ceiling(self) -> float | None:
        """Upper limit of the activation (infinity for ReLU), or None if the layer has no clipping activation."""
        return {1: np.inf, 3: 6.0}.get(int(self.reference.options.fusedActivationFunction))


class Pair:
    """An int8 and a float model with their operators matched."""

    def __init__(self, int8: bytes, reference: bytes, known: Collection[str] = ()) -> None:
        """Match the operators of two flatbuffers.

        ``known``: names of the Keras model's layers. Raises CannotPair if the graphs do not match.
        """
        self._known = known
        self.int8, self.reference = FlatModel(int8), FlatModel(reference)
        ours, theirs = _computing(self.int8), _computing(self.reference)
        shapes = [[(_kind(op), model.shape(op.outputs[0])) for op in ops] for model, ops in self._sides(ours, theirs)]
        if shapes[0] != shapes[1]:
            raise CannotPair(
                f"the {len(ours)} operators of the int8 graph do not match the {len(theirs)} of the float graph"
            )
        self.reference_of = dict(zip(ours, theirs, strict=True))
        """Float operator of each int8 operator; QUANTIZE has none."""
        self.layers = self._layers()
        """Layers in execution order."""

    def layer_of(self, operator: Operator) -> Layer | None:
        """Return the layer of an int8 operator, or None."""
        return next((layer for layer in self.layers if layer.int8 is operator), None)

    def weights(self, layer: Layer) -> Array:
        """Return the float weights, float64, (output channels, values per channel)."""
        return rows(self.reference.constant(layer.reference.inputs[1]).astype(np.float64), layer)

    def stored_weights(self, layer: Layer) -> tuple[Array, Array]:
        """Return the int8 weights, (output channels, values), and their scales: (output channels,) or one for all."""
        stored = self.int8.constant(layer.int8.inputs[1]).astype(np.float64)
        return rows(stored, layer), self.int8.scales(layer.int8.inputs[1])

    def bias(self, layer: Layer) -> Array:
        """Return the float bias, float64, (output channels,)."""
        return self.reference.constant(layer.reference.inputs[2]).astype(np.float64)

    def write_weights(self, layer: Layer, stored: Array, scales: Array) -> None:
        """Write int8 weights in the form of ``stored_weights``. Call ``write_bias`` next: its scale depends on them."""
        shape = self.int8.shape(layer.int8.inputs[1])
        self.int8.set_constant(layer.int8.inputs[1], unrows(stored, shape, layer))
        self.int8.set_scales(layer.int8.inputs[1], scales)

    def write_bias(self, layer: Layer, real: Array) -> None:
        """Write a bias given in real units; it is stored at input scale times weight scale, as the kernels require."""
        source, weights, bias = layer.int8.inputs[:3]
        scales = self.int8.scale(source)[0] * self.int8.scales(weights)
        self.int8.set_scales(bias, scales)
        self.int8.set_constant(bias, real / scales)

    def _sides(self, ours: list[Operator], theirs: list[Operator]) -> tuple[tuple[FlatModel, list[Operator]], ...]:
        return (self.int8, ours), (self.reference, theirs)

    def _layers(self) -> tuple[Layer, ...]:
        used = Counter(t for op in self.int8.operators for t in op.inputs)
        found = [(op, other) for op, other in self.reference_of.items() if self._improvable(op, other, used)]
        names = layer_names([self.reference.name(other.inputs[1]) for _, other in found], self._known)
        return tuple(Layer(name, *both) for name, both in zip(names, found, strict=True))

    def _improvable(self, op: Operator, other: Operator, used: Counter[int]) -> bool:
        """Return True for an int8 operator with weights and bias of its own (a layer called twice shares them)."""
        if op.name not in LAYERS or len(op.inputs) < 3 or min(op.inputs[:3]) < 0 or len(other.inputs) < 3:
            return False
        parameters = op.inputs[1:3]
        own = all(self.int8.is_constant(t) and used[t] == 1 for t in parameters)
        plain = own and self.int8.dtype(op.inputs[1]) == "int8" and self.reference.is_constant(other.inputs[2])
        # A grouped convolution reads fewer channels than its input has.
        channels = self.int8.shape(op.inputs[0])[-1]
        return plain and (op.name != "CONV_2D" or self.int8.shape(op.inputs[1])[-1] == channels)


def _kind(operator: Operator) -> str:
    return "RESHAPE" if operator.name in _VIEWS else operator.name


def rows(weights: Array, layer: Layer) -> Array:
    """Return weights of a layer as (output channels, values per channel)."""
    if layer.depthwise:  # stored as (1, height, width, output channels)
        return weights.reshape(-1, weights.shape[-1]).T
    return weights.reshape(weights.shape[0], -1)  # (output channels, height, width, input channels)


def unrows(values: Array, shape: tuple[int, ...], layer: Layer) -> Array:
    """Invert ``rows``: return weights in their stored shape."""
    return (values.T if layer.depthwise else values).reshape(shape)


def _computing(model: FlatModel) -> list[Operator]:
    return [op for op in model.operators if op.name not in _CONVERSIONS]


_WORKS = re.compile("conv|depthwise|matmul", re.IGNORECASE)
"""Last part of the name of an operation with weights; folded normalization and activation are in the name too."""

_NUMBERED = re.compile(r"(.+)_\d+$")


def layer_names(weights: Sequence[str], known: Collection[str]) -> list[str]:
    """Return the Keras layer name of each weight tensor.

    ``weights``: tensor names such as ``model_1/conv_dw_1_1/depthwise``; ``known``: layer names of the model, if known.
    Keras 3 appends a number to a layer's name when the layer is called; Keras 2 does not. The number is stripped only
    if that turns every name into a known layer. A name that matches no layer stays as the converter gave it.
    """
    paths = [_path(name) for name in weights]
    without = [[match[1] if (match := _NUMBERED.match(part)) else "" for part in path] for path in paths]
    called = [_known(path, known) for path in without]
    plain = [_known(path, known) for path in paths]
    found = called if all(called) else plain
    return [
        name or other or path[max(0, len(path) - 2)] for name, other, path in zip(found, called, paths, strict=True)
    ]


def _path(name: str) -> list[str]:
    every = [part.split("/") for part in name.split(";")]
    return next((path for path in every if _WORKS.search(path[-1])), every[0])


def _known(path: Sequence[str], known: Collection[str]) -> str | None:
    return next((part for part in reversed(path) if part in known), None)
