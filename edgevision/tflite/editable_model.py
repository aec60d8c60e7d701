"""A .tflite model that can be edited and is written again as a whole."""

from __future__ import annotations

import copy
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from . import unused_parts
from .flat_graph import FlatGraph
from .object_api import numbers, pack, schema
from .schema import OPERATORS, TYPES

if TYPE_CHECKING:
    from .flat_graph import Array, Operator


MAX_OLD_CODE = 127
"""Largest operator number that the field of old files can hold."""


class FlatModel(FlatGraph):
    """A model whose main graph is edited: constants, scales, types and shapes, operators at both ends."""

    def pack(self) -> bytes:
        """Return the whole model as a flatbuffer."""
        return pack(self._model)

    def pack_reduced(self) -> bytes:
        """Return the model as a flatbuffer with what an interpreter reads, equal vectors once. Numbers become invalid."""
        unused_parts.strip(self._model)
        self.drop_unused()
        return pack(self._model, compact=True)

    def set_dtype(self, tensor: int, dtype: str) -> None:
        """Set the type of a computed tensor; its operator has to make that type."""
        self._graph.tensors[tensor].type = TYPES.index(dtype)

    def set_shape(self, tensor: int, shape: tuple[int, ...]) -> None:
        """Set the shape of a computed tensor."""
        self._graph.tensors[tensor].shape = np.asarray(shape, np.int32)

    def set_constant(self, tensor: int, values: Array) -> None:
        """Replace a stored tensor by values of the same shape; integer types are rounded and clipped."""
        dtype = np.dtype(self.dtype(tensor))
        if dtype.kind in "iu":
            limits = np.iinfo(dtype)
            values = np.clip(np.round(values), limits.min, limits.max)
        record = self._graph.tensors[tensor]
        if self._is_shared(record.buffer):  # equal constants may share a buffer, and editing one must not edit both
            record.buffer = self._add_buffer()
        self._model.buffers[record.buffer].data = _bytes(values.astype(dtype).reshape(self.shape(tensor)))

    def store(self, tensor: int, values: Array) -> None:
        """Make a computed tensor a constant; its operator must be removed."""
        record = self._graph.tensors[tensor]
        record.shape, record.buffer = np.asarray(values.shape, np.int32), self._add_buffer()
        self._buffer(tensor).data = _bytes(values)

    def set_scales(self, tensor: int, scales: Array, zero_point: int = 0) -> None:
        """Set the scales of a tensor, all with the same zero point."""
        record = self._graph.tensors[tensor]
        if record.quantization is None:
            record.quantization = schema().QuantizationParametersT()
        record.quantization.scale = np.asarray(scales, np.float32).reshape(-1)
        record.quantization.zeroPoint = np.full(len(record.quantization.scale), zero_point, np.int64)

    def set_ends(self, inputs: Sequence[int], outputs: Sequence[int]) -> None:
        """Make tensors the inputs and outputs. Signatures, which list the old ones, go."""
        self._graph.inputs, self._graph.outputs = list(inputs), list(outputs)
        self._model.signatureDefs = None
        self._refresh()

    def with_outputs(self, tensors: Sequence[int]) -> bytes:
        """Return the flatbuffer of this model with other tensors as its outputs, to read inner activations."""
        model, graph = copy.copy(self._model), copy.copy(self._graph)
        graph.outputs, model.subgraphs, model.signatureDefs = list(tensors), [graph], None
        return pack(model)

    def single(self, operator: Operator) -> bytes:
        """Return a flatbuffer with this one operator; its inputs are ``activations``, its outputs the operator's."""
        model, graph = schema().ModelT(), schema().SubGraphT()
        model.version, model.subgraphs, model.buffers = self._model.version, [graph], [schema().BufferT()]
        model.operatorCodes = [self._model.operatorCodes[operator.table.opcodeIndex]]
        new: dict[int, int] = {-1: -1}
        graph.tensors = []
        for tensor in dict.fromkeys((*operator.inputs, *operator.outputs)):
            if tensor >= 0:
                new[tensor] = len(graph.tensors)
                graph.tensors.append(self._moved(tensor, model.buffers))
        table = copy.copy(operator.table)
        table.opcodeIndex = 0
        table.inputs, table.outputs = [[new[t] for t in group] for group in (operator.inputs, operator.outputs)]
        graph.operators, graph.outputs = [table], table.outputs
        graph.inputs = [new[t] for t in self.activations(operator)]
        return pack(model)

    def add_tensor(self, name: str, dtype: str, shape: tuple[int, ...]) -> int:
        """Add a tensor without values and return its index."""
        tensor = schema().TensorT()
        tensor.name, tensor.type, tensor.buffer = name.encode(), TYPES.index(dtype), 0
        tensor.shape = np.asarray(shape, np.int32)
        self._graph.tensors.append(tensor)
        return len(self._graph.tensors) - 1

    def add_constant(self, name: str, values: Array) -> int:
        """Add a stored tensor and return its index."""
        number = self.add_tensor(name, str(values.dtype), values.shape)
        self.store(number, values)
        return number

    def add_operator(
        self,
        name: str,
        inputs: Sequence[int],
        outputs: Sequence[int],
        options: Any = None,
        version: int = 1,
        first: bool = False,
    ) -> None:
        """Add an operator of the schema behind the others, or before them.

        ``options``: builtin options of the schema, such as Conv2DOptionsT. ``version``: the least that computes this.
        """
        table = self._add(self._code(OPERATORS.index(name), version=version), inputs, outputs, first)
        if options is not None:
            kind = type(options).__name__.removesuffix("T")
            table.builtinOptionsType, table.builtinOptions = getattr(schema().BuiltinOptions, kind), options
        self._refresh()

    def append_custom(self, name: str, inputs: Sequence[int], outputs: Sequence[int], options: bytes) -> None:
        """Append an operator that is not in the schema; ``options`` is a flexbuffer."""
        table = self._add(self._code(OPERATORS.index("CUSTOM"), name), inputs, outputs)
        table.customOptions = np.frombuffer(options, np.uint8)
        self._refresh()

    def remove(self, gone: Collection[Operator]) -> None:
        """Remove operators; what they compute must not be needed."""
        tables = [op.table for op in gone]
        self._graph.operators = [one for one in self._graph.operators if not any(one is table for table in tables)]
        self._refresh()

    def replace(self, old: int, new: int) -> None:
        """Let all operators and outputs read another tensor."""
        for table in self._graph.operators:
            table.inputs = np.asarray([new if t == old else t for t in numbers(table.inputs)], np.int32)
        self.set_ends(self.inputs, [new if t == old else t for t in self.outputs])

    def drop_unused(self) -> None:
        """Remove unused tensors, buffers and operator codes. Earlier numbers of tensors become invalid."""
        unused_parts.drop_unused(self._model)
        self._refresh()

    def _add(self, code: int, inputs: Sequence[int], outputs: Sequence[int], first: bool = False) -> Any:
        table = schema().OperatorT()
        table.opcodeIndex = code
        table.inputs, table.outputs = np.asarray(inputs, np.int32), np.asarray(outputs, np.int32)
        self._graph.operators.insert(0 if first else len(self._graph.operators), table)
        return table

    def _code(self, builtin: int, custom: str | None = None, version: int = 1) -> int:
        """Return the index of an operator code of at least this version, which is added if the model has none."""
        codes = self._model.operatorCodes
        name = custom.encode() if custom else None
        for number, code in enumerate(codes):
            known = max(code.builtinCode, code.deprecatedBuiltinCode) == builtin and code.customCode == name
            if known and code.version >= version:
                return number
        code = schema().OperatorCodeT()
        code.builtinCode, code.deprecatedBuiltinCode = builtin, min(builtin, MAX_OLD_CODE)
        code.customCode, code.version = name, version
        codes.append(code)
        return len(codes) - 1

    def _add_buffer(self) -> int:
        self._model.buffers.append(schema().BufferT())
        return len(self._model.buffers) - 1

    def _is_shared(self, buffer: int) -> bool:
        users = [one for graph in self._model.subgraphs for one in graph.tensors if one.buffer == buffer]
        return len(users) > 1

    def _moved(self, tensor: int, buffers: list[Any]) -> Any:
        moved = copy.copy(self._graph.tensors[tensor])
        moved.buffer = 0
        if self.is_constant(tensor):
            moved.buffer = len(buffers)
            buffers.append(self._buffer(tensor))
        return moved


def _bytes(values: Array) -> Array:
    return np.frombuffer(np.ascontiguousarray(values).tobytes(), np.uint8)
