"""The main graph of a flatbuffer as objects: operators, tensors, constants and scales."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .object_api import numbers, unpack
from .schema import OPERATORS, TYPES

if TYPE_CHECKING:
    import numpy.typing as npt

    Array = npt.NDArray[Any]


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


class FlatGraph:
    """The main graph of a flatbuffer that the strict reader passed, or that our own converter built."""

    operators: tuple[Operator, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]

    def __init__(self, flatbuffer: bytes) -> None:
        """Parse a flatbuffer. Raises MissingDependency."""
        self._model = unpack(flatbuffer)
        self._graph = self._model.subgraphs[0]
        self._refresh()

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
        return tuple(numbers(self._graph.tensors[tensor].shape))

    def is_constant(self, tensor: int) -> bool:
        """Return True if a tensor is stored in the file rather than computed."""
        data = self._buffer(tensor).data
        return data is not None and len(data) > 0

    def constant(self, tensor: int) -> Array:
        """Return a copy of a stored tensor."""
        data = np.asarray(self._buffer(tensor).data, np.uint8).tobytes()
        return np.frombuffer(data, self.dtype(tensor)).reshape(self.shape(tensor)).copy()

    def readers(self, tensor: int) -> list[Operator]:
        """Return the operators that read a tensor."""
        return [op for op in self.operators if tensor in op.inputs]

    def maker(self, tensor: int) -> Operator | None:
        """Return the operator that computes a tensor, None for inputs and constants."""
        return next((op for op in self.operators if tensor in op.outputs), None)

    def custom_name(self, operator: Operator) -> str:
        """Return the name of a custom operator, empty for others."""
        name = self._model.operatorCodes[operator.table.opcodeIndex].customCode
        return name.decode("utf-8", "replace") if name else ""

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

    def real(self, tensor: int, stored: Array) -> Array:
        """Return stored values of a tensor dequantized to float32; values of a float tensor stay as they are."""
        if not len(self.scales(tensor)):
            return stored.astype(np.float32, copy=False)
        scale, zero_point = self.scale(tensor)
        return (stored.astype(np.float32) - np.float32(zero_point)) * np.float32(scale)

    def _refresh(self) -> None:
        self.operators = tuple(self._operator(table) for table in self._graph.operators)
        self.inputs, self.outputs = tuple(self._graph.inputs), tuple(self._graph.outputs)

    def _operator(self, table: Any) -> Operator:
        code = self._model.operatorCodes[table.opcodeIndex]
        name = OPERATORS[max(code.builtinCode, code.deprecatedBuiltinCode)]
        return Operator(name, tuple(numbers(table.inputs)), tuple(numbers(table.outputs)), table.builtinOptions, table)

    def _buffer(self, tensor: int) -> Any:
        return self._model.buffers[self._graph.tensors[tensor].buffer]
