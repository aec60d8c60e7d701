"""A .tflite model with editable constants and scales; its operators stay, and others may follow them."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

from edgevision.tflite.schema import IDENTIFIER, OPERATORS, TYPES

if TYPE_CHECKING:
    import numpy.typing as npt

    Array = npt.NDArray[Any]


INT8_DEQUANTIZE = 2
"""Version of DEQUANTIZE from which it reads int8."""
MAX_OLD_CODE = 127
"""Largest operator number that the field of old files can hold."""


@dataclass(frozen=True, slots=True, eq=False)
class Operator:
    """One operator of the graph; tensors are indices, -1 for an absent optional tensor."""

    name: str
    """Operator name of the schema, such as CONV_2D."""
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: Any
    """Builtin options of the schema (stride, padding, activation ...), or None."""
    table: Any
    """Operator record of the schema."""


class FlatModel:
    """The main graph of a flatbuffer that our own converter built; not for untrusted files."""

    def __init__(self, flatbuffer: bytes) -> None:
        self._model = schema.ModelT.InitFromPackedBuf(flatbuffer, 0)
        self._graph = self._model.subgraphs[0]
        self.operators = tuple(self._operator(table) for table in self._graph.operators)
        self.inputs = tuple(int(t) for t in self._graph.inputs)
        self.outputs = tuple(int(t) for t in self._graph.outputs)
        self._unshare()

    def pack(self) -> bytes:
        """Return the whole model as a flatbuffer."""
        return _pack(self._model)

    def name(self, tensor: int) -> str:
        """Return the converter's name of a tensor."""
        name: bytes = self._graph.tensors[tensor].name or b""
        return name.decode("utf-8", "replace")

    def dtype(self, tensor: int) -> str:
        """Return the numpy dtype name of a tensor."""
        number: int = self._graph.tensors[tensor].type
        return TYPES[number]

    def shape(self, tensor: int) -> tuple[int, ...]:
        """Return the shape of a tensor, batch first."""
        shape = self._graph.tensors[tensor].shape
        return () if shape is None else tuple(int(n) for n in shape)

    def is_constant(self, tensor: int) -> bool:
        """Return True if a tensor is stored in the file rather than computed."""
        data = self._buffer(tensor).data
        return data is not None and len(data) > 0

    def constant(self, tensor: int) -> Array:
        """Return a copy of a stored tensor."""
        data = np.asarray(self._buffer(tensor).data, np.uint8).tobytes()
        return np.frombuffer(data, self.dtype(tensor)).reshape(self.shape(tensor)).copy()

    def set_constant(self, tensor: int, values: Array) -> None:
        """Replace a stored tensor by values of the same shape; integer types are rounded and clipped."""
        dtype = np.dtype(self.dtype(tensor))
        if dtype.kind in "iu":
            limits = np.iinfo(dtype)
            values = np.clip(np.round(values), limits.min, limits.max)
        raw = np.ascontiguousarray(values.astype(dtype).reshape(self.shape(tensor)))
        self._buffer(tensor).data = np.frombuffer(raw.tobytes(), np.uint8)

    def activations(self, operator: Operator) -> tuple[int, ...]:
        """Return the computed inputs of an operator, without duplicates."""
        return tuple(t for t in dict.fromkeys(operator.inputs) if t >= 0 and not self.is_constant(t))

    def scales(self, tensor: int) -> Array:
        """Return the scales of a tensor, float64: one, or one per channel, or none if it is not quantized."""
        found = self._graph.tensors[tensor].quantization
        return np.asarray([] if found is None or found.scale is None else found.scale, np.float64)

    def scale(self, tensor: int) -> tuple[float, int]:
        """Return (scale, zero point) of a per-tensor quantized tensor: real = scale * (stored - zero point)."""
        return float(self.scales(tensor)[0]), int(self._graph.tensors[tensor].quantization.zeroPoint[0])

    def set_scales(self, tensor: int, scales: Array, zero_point: int = 0) -> None:
        """Set the scales of a tensor, all with the same zero point."""
        found = self._graph.tensors[tensor].quantization
        found.scale = np.asarray(scales, np.float32).reshape(-1)
        found.zeroPoint = np.full(len(found.scale), zero_point, np.int64)

    def real(self, tensor: int, stored: Array) -> Array:
        """Return stored values of a tensor dequantized to float32; values of a float tensor stay as they are."""
        if not len(self.scales(tensor)):
            return stored.astype(np.float32, copy=False)
        scale, zero_point = self.scale(tensor)
        return (stored.astype(np.float32) - np.float32(zero_point)) * np.float32(scale)

    def with_outputs(self, tensors: Sequence[int]) -> bytes:
        """Return the flatbuffer of this model with other tensors as its outputs, to read inner activations."""
        model, graph = copy.copy(self._model), copy.copy(self._graph)
        graph.outputs, model.subgraphs, model.signatureDefs = list(tensors), [graph], None
        return _pack(model)

    def with_ends(self, inputs: Sequence[int], outputs: Sequence[int]) -> bytes:
        """Return the flatbuffer with other inputs and outputs, without the operators before and behind them."""
        skipped = {*self.inputs} - {*inputs}, {*self.outputs} - {*outputs}
        for operator in self.operators:
            if skipped[0] & {*operator.inputs} or skipped[1] & {*operator.outputs}:
                self._remove(operator)
        self._graph.inputs, self._graph.outputs = list(inputs), list(outputs)
        self._model.signatureDefs = None
        self._drop_unused()
        return self.pack()

    def single(self, operator: Operator) -> bytes:
        """Return a flatbuffer with this one operator; its inputs are ``activations``, its outputs the operator's."""
        model, graph = schema.ModelT(), schema.SubGraphT()
        model.version, model.subgraphs, model.buffers = self._model.version, [graph], [schema.BufferT()]
        model.operatorCodes = [self._model.operatorCodes[operator.table.opcodeIndex]]
        numbers: dict[int, int] = {-1: -1}
        graph.tensors = []
        for tensor in dict.fromkeys((*operator.inputs, *operator.outputs)):
            if tensor >= 0:
                numbers[tensor] = len(graph.tensors)
                graph.tensors.append(self._moved(tensor, model.buffers))
        table = copy.copy(operator.table)
        table.opcodeIndex = 0
        table.inputs, table.outputs = [[numbers[t] for t in group] for group in (operator.inputs, operator.outputs)]
        graph.operators, graph.outputs = [table], table.outputs
        graph.inputs = [numbers[t] for t in self.activations(operator)]
        return _pack(model)

    def as_float(self, tensor: int) -> int:
        """Return a float tensor with the values of a computed one, behind a new DEQUANTIZE if that is quantized.

        A QUANTIZE that only changes the integer type of an output is passed over.
        """
        if not len(self.scales(tensor)):
            return tensor
        source = next((op for op in self.operators if tensor in op.outputs), None)
        if source is not None and source.name == "QUANTIZE" and len(self.scales(source.inputs[0])):
            tensor = source.inputs[0]
            self._remove(source)
        result = self.add_tensor(f"{self.name(tensor)}_float", "float32", self.shape(tensor))
        self._append(self._code(OPERATORS.index("DEQUANTIZE"), version=INT8_DEQUANTIZE), (tensor,), (result,))
        return result

    def add_tensor(self, name: str, dtype: str, shape: tuple[int, ...]) -> int:
        """Add a tensor without values and return its index."""
        tensor = schema.TensorT()
        tensor.name, tensor.type, tensor.buffer = name.encode(), TYPES.index(dtype), 0
        tensor.shape = np.asarray(shape, np.int32)
        self._graph.tensors.append(tensor)
        return len(self._graph.tensors) - 1

    def add_constant(self, name: str, values: Array) -> int:
        """Add a stored tensor and return its index."""
        number = self.add_tensor(name, str(values.dtype), values.shape)
        buffer = schema.BufferT()
        buffer.data = np.frombuffer(np.ascontiguousarray(values).tobytes(), np.uint8)
        self._graph.tensors[number].buffer = len(self._model.buffers)
        self._model.buffers.append(buffer)
        return number

    def append_custom(self, name: str, inputs: Sequence[int], outputs: Sequence[int], options: bytes) -> None:
        """Append an operator that is not in the schema; ``options`` is a flexbuffer."""
        table = self._append(self._code(OPERATORS.index("CUSTOM"), name), inputs, outputs)
        table.customOptions = np.frombuffer(options, np.uint8)

    def _append(self, code: int, inputs: Sequence[int], outputs: Sequence[int]) -> Any:
        table = schema.OperatorT()
        table.opcodeIndex = code
        table.inputs, table.outputs = np.asarray(inputs, np.int32), np.asarray(outputs, np.int32)
        self._graph.operators.append(table)
        self.operators = (*self.operators, self._operator(table))
        return table

    def _drop_unused(self) -> None:
        """Remove the tensors that no operator reads or writes. Earlier numbers of tensors become invalid."""
        graph = self._graph
        lists = [graph.inputs, graph.outputs, *(group for op in graph.operators for group in (op.inputs, op.outputs))]
        used = sorted({int(n) for group in lists for n in group} - {-1})
        new = {-1: -1, **{old: number for number, old in enumerate(used)}}
        graph.tensors = [graph.tensors[old] for old in used]
        graph.inputs, graph.outputs = ([new[int(n)] for n in group] for group in (graph.inputs, graph.outputs))
        for op in graph.operators:
            op.inputs, op.outputs = ([new[int(n)] for n in group] for group in (op.inputs, op.outputs))

    def _remove(self, operator: Operator) -> None:
        self._graph.operators.remove(operator.table)
        self.operators = tuple(one for one in self.operators if one is not operator)

    def _code(self, builtin: int, custom: str | None = None, version: int = 1) -> int:
        """Return the index of an operator code, which is added if the model has none."""
        codes = self._model.operatorCodes
        name = custom.encode() if custom else None
        for number, code in enumerate(codes):
            if max(code.builtinCode, code.deprecatedBuiltinCode) == builtin and code.customCode == name:
                return number
        code = schema.OperatorCodeT()
        code.builtinCode, code.deprecatedBuiltinCode = builtin, min(builtin, MAX_OLD_CODE)
        code.customCode, code.version = name, version
        codes.append(code)
        return len(codes) - 1

    def _operator(self, table: Any) -> Operator:
        code = self._model.operatorCodes[table.opcodeIndex]
        name = OPERATORS[max(code.builtinCode, code.deprecatedBuiltinCode)]
        inputs, outputs = (tuple(int(t) for t in group) for group in (table.inputs, table.outputs))
        return Operator(name, inputs, outputs, table.builtinOptions, table)

    def _buffer(self, tensor: int) -> Any:
        return self._model.buffers[self._graph.tensors[tensor].buffer]

    def _moved(self, tensor: int, buffers: list[Any]) -> Any:
        moved = copy.copy(self._graph.tensors[tensor])
        moved.buffer = 0
        if self.is_constant(tensor):
            moved.buffer = len(buffers)
            buffers.append(self._buffer(tensor))
        return moved

    def _unshare(self) -> None:
        """Give every constant a buffer of its own: equal constants may share one, and editing one must not edit both."""
        seen: set[int] = set()
        for number, tensor in enumerate(self._graph.tensors):
            if tensor.buffer in seen and self.is_constant(number):
                self._model.buffers.append(copy.copy(self._buffer(number)))
                tensor.buffer = len(self._model.buffers) - 1
            seen.add(tensor.buffer)


class _Builder(flatbuffers.Builder):  # type: ignore[misc]  # flatbuffers has no types
    """Flatbuffer builder that aligns the data of every buffer to 16 bytes, as the schema requires."""

    def CreateNumpyVector(self, x: Array) -> Any:
        if x.dtype == np.uint8:
            self.Prep(16, x.nbytes)
        return super().CreateNumpyVector(x)


def _pack(model: Any) -> bytes:
    builder = _Builder(1 << 20)
    builder.Finish(model.Pack(builder), IDENTIFIER)
    return bytes(builder.Output())
