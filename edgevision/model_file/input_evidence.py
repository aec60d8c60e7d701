"""The normalization that the start of a model's graph shows, whoever made the model."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, NamedTuple

from ..preprocessing.natural import natural_normalization
from ..tflite.schema import Model, SubGraph, Tensor
from ..tflite.tables import buffer_data, main_graph, open_flatbuffer

if TYPE_CHECKING:
    from ..tflite.graph import Graph, GraphOperator
    from ..types import TensorSpec
    from .model_file import ModelFile

RESCALED = (1 / 255, 1 / 127.5, 1 / 128)
"""Factors with which a network scales bytes itself."""
DOUBLED = 2.0
"""Factor with which a network turns 0..1 into -1..1, before it subtracts 1."""
TOLERANCE = 1e-3
"""Relative difference of a factor."""


class InputEvidence(NamedTuple):
    """Mean and std of an input, and what shows them."""

    mean: float
    std: float
    said: str
    """What shows them, for the user."""


def input_evidence(file: ModelFile, graph: Graph) -> InputEvidence | None:
    """Return the normalization that a model itself shows; None if it does not. Raises BadModel."""
    spec = file.inputs[0]
    natural = natural_normalization(spec)
    if natural is not None:
        return InputEvidence(*natural, f"the quantization of the {spec.dtype} input shows its range")
    if not spec.dtype.startswith("float") or not graph.inputs:
        return None
    first = [op for op in graph.operators if graph.inputs[0] in op.inputs]
    if len(first) != 1:
        return None
    return _quantized_at_once(first[0], graph) or _rescaled(first[0], file, graph)


def _quantized_at_once(first: GraphOperator, graph: Graph) -> InputEvidence | None:
    """Return what a QUANTIZE at the very start shows: the input is quantized inside, with a usual scale."""
    if first.name != "QUANTIZE" or len(first.outputs) != 1:
        return None
    natural = natural_normalization(graph.tensors[first.outputs[0]].spec)
    return None if natural is None else InputEvidence(*natural, "the model quantizes its input, which shows its range")


def _rescaled(first: GraphOperator, file: ModelFile, graph: Graph) -> InputEvidence | None:
    """Return what a MUL at the very start shows: a Rescaling layer, which takes bytes, or one that takes 0..1."""
    if first.name != "MUL" or len(first.inputs) != 2:
        return None
    other = next((n for n in first.inputs if n != graph.inputs[0]), None)
    factor = None if other is None else _constant(file.flatbuffer, other, graph.tensors[other].spec)
    if factor is None:
        return None
    if any(abs(factor / usual - 1.0) < TOLERANCE for usual in RESCALED):
        return InputEvidence(0.0, 1.0, f"the model itself scales its input by {factor:.6g}, so it takes 0..255")
    followed = any(first.outputs[0] in op.inputs and op.name in ("SUB", "ADD") for op in graph.operators)
    if factor == DOUBLED and followed:
        return InputEvidence(0.0, 255.0, "the model itself turns 0..1 into -1..1")
    return None


def _constant(flatbuffer: bytes, tensor: int, spec: TensorSpec) -> float | None:
    """Return the value of a constant of one number; None for other tensors."""
    if spec.dtype != "float32" or any(size != 1 for size in spec.shape):
        return None
    model = open_flatbuffer(flatbuffer)
    buffer = main_graph(model).element(SubGraph.TENSORS, tensor).integer(Tensor.BUFFER, "I")
    data = bytes(buffer_data(model.element(Model.BUFFERS, buffer)))
    return float(struct.unpack("<f", data)[0]) if len(data) == 4 else None
