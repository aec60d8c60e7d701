"""Tensors and operators of a TFLite model, and whether all of it is int8. Reading them needs no runtime."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from math import prod
from typing import Any

from ..errors import BadModel
from ..types import TensorSpec
from .flatbuffer import Table
from .schema import OPERATORS, TYPE_BITS, Model, Operator, OperatorCode, Quantization, SubGraph, Tensor
from .tables import MAX_NAME, buffer_data, main_graph, open_flatbuffer, tensor_spec

INT8_TYPES = frozenset({"int8", "int32"})
"""Types of an all-int8 model; int32 holds biases and shapes."""


@dataclass(frozen=True, slots=True)
class GraphTensor:
    """One tensor of a graph."""

    spec: TensorSpec
    per_channel: bool
    """Whether it has one scale per channel (``spec.scale`` is 0 then)."""
    parameter_bytes: int
    """Size of its constant data; 0 if it is computed."""

    @property
    def elements(self) -> int:
        """Number of values in the tensor; a dimension that is not fixed counts as one."""
        return prod(side if side >= 0 else 1 for side in self.spec.shape)


@dataclass(frozen=True, slots=True)
class GraphOperator:
    """One operator of a graph. Tensors are indices into ``Graph.tensors``; absent optional tensors are left out."""

    name: str
    """Name in the schema, e.g. CONV_2D; the code of a custom operator."""
    version: int
    custom: bool
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class OperatorCount:
    """How often an operator occurs in a graph."""

    name: str
    version: int
    count: int
    int8: bool
    """Whether all of them work on int8 values (QUANTIZE at a uint8 input or output counts as such)."""


@dataclass(frozen=True, slots=True)
class Graph:
    """One subgraph. A model with control flow has several."""

    tensors: tuple[GraphTensor, ...]
    operators: tuple[GraphOperator, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]

    @property
    def all_int8(self) -> bool:
        """Whether every tensor is int8 or int32; inputs and outputs may be uint8."""
        return all(self.is_int8(n) for n in range(len(self.tensors)))

    def is_int8(self, tensor: int) -> bool:
        """Return whether a tensor is int8 or int32, or a uint8 input or output."""
        dtype = self.tensors[tensor].spec.dtype
        return dtype in INT8_TYPES or (dtype == "uint8" and tensor in self.inputs + self.outputs)

    def counts(self) -> list[OperatorCount]:
        """Return the operators with their counts, most frequent first."""
        times = Counter((op.name, op.version) for op in self.operators)
        other = {(op.name, op.version) for op in self.operators if not all(map(self.is_int8, op.inputs + op.outputs))}
        return [OperatorCount(*key, count, key not in other) for key, count in times.most_common()]

    def producer(self, tensor: int) -> GraphOperator | None:
        """Return the operator that outputs a tensor, None for an input or a constant."""
        return next((op for op in self.operators if tensor in op.outputs), None)

    @property
    def input_specs(self) -> tuple[TensorSpec, ...]:
        """The model's inputs."""
        return tuple(self.tensors[n].spec for n in self.inputs)

    @property
    def output_specs(self) -> tuple[TensorSpec, ...]:
        """The model's outputs."""
        return tuple(self.tensors[n].spec for n in self.outputs)


def read_graph(flatbuffer: bytes) -> Graph:
    """Return the main graph of a model, without its other subgraphs. Raises BadModel."""
    model = open_flatbuffer(flatbuffer)
    codes = [_code(c) for c in model.tables(Model.OPERATOR_CODES)]
    sizes = [len(buffer_data(b)) for b in model.tables(Model.BUFFERS)]
    graph = main_graph(model)
    tensors = tuple(_tensor(t, sizes) for t in graph.tables(SubGraph.TENSORS))
    operators = tuple(_operator(o, codes, len(tensors)) for o in graph.tables(SubGraph.OPERATORS))
    ends = (_indexes(graph, SubGraph.INPUTS, len(tensors)), _indexes(graph, SubGraph.OUTPUTS, len(tensors)))
    return Graph(tensors, operators, *ends)


def subgraph_count(flatbuffer: bytes) -> int:
    """Return the number of subgraphs: 1 for a plain model, more if it has loops or conditions."""
    return open_flatbuffer(flatbuffer).count(Model.SUBGRAPHS)


def tensors_json(graph: Graph) -> dict[str, Any]:
    """Return a JSON summary of the tensors: count, types, parameters, inputs and outputs."""
    constants = [t for t in graph.tensors if t.parameter_bytes]
    return {
        "count": len(graph.tensors),
        "by_type": dict(Counter(t.spec.dtype for t in graph.tensors).most_common()),
        "parameters": sum(t.elements for t in constants),
        "parameter_bytes": sum(t.parameter_bytes for t in constants),
        "inputs": [spec_json(s) for s in graph.input_specs],
        "outputs": [spec_json(s) for s in graph.output_specs],
    }


def operators_json(graph: Graph) -> list[dict[str, Any]]:
    """Return the operators as JSON: name, version, count, int8."""
    return [{"name": c.name, "version": c.version, "count": c.count, "int8": c.int8} for c in graph.counts()]


def spec_json(spec: TensorSpec) -> dict[str, Any]:
    """Return a tensor as JSON; scale and zero point are null unless it is quantized per tensor."""
    return {
        "name": spec.name,
        "shape": list(spec.shape),
        "dtype": spec.dtype,
        "scale": spec.scale if spec.quantized else None,
        "zero_point": spec.zero_point if spec.quantized else None,
    }


def _tensor(table: Table, buffer_sizes: list[int]) -> GraphTensor:
    spec = tensor_spec(table)
    quantization = table.table(Tensor.QUANTIZATION)
    buffer = table.integer(Tensor.BUFFER, "I")
    if buffer >= len(buffer_sizes):
        raise BadModel(f"the model is damaged: tensor {spec.name!r} refers to buffer {buffer} of {len(buffer_sizes)}")
    # Whether the size fits the type is not checked here: a runtime that reads beyond the end is caught by the probe.
    size = buffer_sizes[buffer] if spec.dtype in TYPE_BITS else 0
    per_channel = quantization is not None and quantization.count(Quantization.SCALE) > 1
    return GraphTensor(spec, per_channel, size)


def _code(table: Table) -> tuple[str, int, bool]:
    """Return (name, version, whether it is custom)."""
    number = max(table.integer(OperatorCode.OLD_BUILTIN, "b"), table.integer(OperatorCode.BUILTIN, "i"))
    name = OPERATORS[number] if 0 <= number < len(OPERATORS) else f"OPERATOR_{number}"
    version = table.integer(OperatorCode.VERSION, "i", 1)
    return (
        (table.text(OperatorCode.CUSTOM)[:MAX_NAME] or name, version, True)
        if name == "CUSTOM"
        else (name, version, False)
    )


def _operator(table: Table, codes: list[tuple[str, int, bool]], tensors: int) -> GraphOperator:
    index = table.integer(Operator.CODE, "I")
    if index >= len(codes):
        raise BadModel(f"the model is damaged: an operator refers to operator code {index} of {len(codes)}")
    return GraphOperator(
        *codes[index], _indexes(table, Operator.INPUTS, tensors), _indexes(table, Operator.OUTPUTS, tensors)
    )


def _indexes(table: Table, number: int, tensors: int) -> tuple[int, ...]:
    """Return tensor indices; -1, an absent optional tensor, is left out."""
    return tuple(_checked(n, tensors) for n in table.integers(number, "i") if n != -1)


def _checked(index: int, tensors: int) -> int:
    if not 0 <= index < tensors:
        raise BadModel(f"the model is damaged: it refers to tensor {index} of {tensors}")
    return index
