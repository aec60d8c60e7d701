"""The int8 model beside the float model it was made from, operator by operator."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .flatmodel import FlatModel, Operator
from .names import layer_names

if TYPE_CHECKING:
    import numpy.typing as npt

    Array = npt.NDArray[Any]

DEPTHWISE = "DEPTHWISE_CONV_2D"
DENSE = "FULLY_CONNECTED"
LAYERS = ("CONV_2D", DEPTHWISE, DENSE)
"""Operators with weights and a bias that can be improved."""
_CONVERSIONS = ("QUANTIZE", "DEQUANTIZE")
"""Operators that only one of the two models has."""


class CannotPair(Exception):
    """The two graphs differ in more than their types; nothing can be compared."""


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
    """An operator with weights and bias, on both sides."""

    name: str
    """The Keras layer's; two operators of one layer share it."""
    int8: Operator
    reference: Operator

    @property
    def depthwise(self) -> bool:
        """Whether each output channel reads one input channel only."""
        return self.int8.name == DEPTHWISE

    @property
    def ceiling(self) -> float | None:
        """The largest output its activation lets through (infinite for ReLU); None where it cuts nothing off."""
        return {1: np.inf, 3: 6.0}.get(int(self.reference.options.fusedActivationFunction))


class Pair:
    """Both models, and which operator of one is which of the other."""

    def __init__(self, int8: bytes, reference: bytes, known: Collection[str] = ()) -> None:
        """``known``: names of the Keras model's layers. Raises CannotPair."""
        self._known = known
        self.int8, self.reference = FlatModel(int8), FlatModel(reference)
        ours, theirs = _computing(self.int8), _computing(self.reference)
        shapes = [[(op.name, model.shape(op.outputs[0])) for op in ops] for model, ops in self._sides(ours, theirs)]
        if shapes[0] != shapes[1]:
            raise CannotPair(
                f"the int8 graph has {len(ours)} operators that do not match the {len(theirs)} of the float"
            )
        self.reference_of = dict(zip(ours, theirs, strict=True))
        """The float operator of each int8 one; QUANTIZE has none."""
        self.layers = self._layers()
        """In the order in which they run."""

    def layer_of(self, operator: Operator) -> Layer | None:
        """The layer whose int8 operator this is."""
        return next((layer for layer in self.layers if layer.int8 is operator), None)

    def weights(self, layer: Layer) -> Array:
        """The float weights as (output channels, values that each multiplies): float64."""
        return rows(self.reference.constant(layer.reference.inputs[1]).astype(np.float64), layer)

    def stored_weights(self, layer: Layer) -> tuple[Array, Array]:
        """The int8 weights as (output channels, values), and their scales: (output channels,) or one for all."""
        stored = self.int8.constant(layer.int8.inputs[1]).astype(np.float64)
        return rows(stored, layer), self.int8.scales(layer.int8.inputs[1])

    def bias(self, layer: Layer) -> Array:
        """The float bias: (output channels,), float64."""
        return self.reference.constant(layer.reference.inputs[2]).astype(np.float64)

    def write_weights(self, layer: Layer, stored: Array, scales: Array) -> None:
        """New int8 weights, as ``stored_weights`` gives them. The bias has to be written next: its scale follows."""
        shape = self.int8.shape(layer.int8.inputs[1])
        self.int8.set_constant(layer.int8.inputs[1], unrows(stored, shape, layer))
        self.int8.set_scales(layer.int8.inputs[1], scales)

    def write_bias(self, layer: Layer, real: Array) -> None:
        """A bias in real units; stored with the input's scale times the weights', as the kernels demand."""
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
        """Int8, with weights and a bias of its own (a layer that is called twice shares them)."""
        if op.name not in LAYERS or len(op.inputs) < 3 or min(op.inputs[:3]) < 0 or len(other.inputs) < 3:
            return False
        parameters = op.inputs[1:3]
        own = all(self.int8.is_constant(t) and used[t] == 1 for t in parameters)
        plain = own and self.int8.dtype(op.inputs[1]) == "int8" and self.reference.is_constant(other.inputs[2])
        # A convolution in groups reads fewer channels than there are.
        channels = self.int8.shape(op.inputs[0])[-1]
        return plain and (op.name != "CONV_2D" or self.int8.shape(op.inputs[1])[-1] == channels)


def rows(weights: Array, layer: Layer) -> Array:
    """Weights of a layer as (output channels, values that each multiplies)."""
    if layer.depthwise:  # stored as (1, height, width, output channels)
        return weights.reshape(-1, weights.shape[-1]).T
    return weights.reshape(weights.shape[0], -1)  # (output channels, height, width, input channels)


def unrows(values: Array, shape: tuple[int, ...], layer: Layer) -> Array:
    """The inverse of ``rows``."""
    return (values.T if layer.depthwise else values).reshape(shape)


def _computing(model: FlatModel) -> list[Operator]:
    return [op for op in model.operators if op.name not in _CONVERSIONS]
