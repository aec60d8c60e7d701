"""The graph of a float .tflite with the edits that make it quantizable: remove operators, put others at its input."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from edgevision.tflite.schema import OPERATORS

from ..quantization.correction.editable_model import FlatModel, Operator

if TYPE_CHECKING:
    import numpy.typing as npt

    Array = npt.NDArray[Any]

FLOAT_TYPES = ("float32", "float16", "bfloat16")
VALID = 1
"""Number of the padding VALID in the schema."""


class SourceGraph(FlatModel):
    """The only graph of a model that the strict reader passed."""

    def __init__(self, flatbuffer: bytes) -> None:
        """Parse a flatbuffer and drop what does not describe the float network: metadata, signatures, ranges, a free batch."""
        super().__init__(flatbuffer)
        self._model.metadata = self._model.metadataBuffer = self._model.signatureDefs = None
        for number, tensor in enumerate(self._graph.tensors):
            tensor.shapeSignature = None
            if self.dtype(number) in FLOAT_TYPES:
                tensor.quantization = None  # ranges that an earlier calibration left

    @property
    def image(self) -> int:
        """The input."""
        return self.inputs[0]

    @property
    def tensor_count(self) -> int:
        """Number of tensors."""
        return len(self._graph.tensors)

    def readers(self, tensor: int) -> list[Operator]:
        """Return the operators that read a tensor."""
        return [op for op in self.operators if tensor in op.inputs]

    def remove(self, gone: Collection[Operator]) -> None:
        """Remove operators; what they compute must not be needed."""
        tables = [op.table for op in gone]
        self._graph.operators = [one for one in self._graph.operators if not any(one is table for table in tables)]
        self._refresh()

    def replace(self, old: int, new: int) -> None:
        """Let all operators and outputs read another tensor."""
        for table in self._graph.operators:
            table.inputs = np.asarray([new if t == old else t for t in table.inputs], np.int32)
        self._graph.outputs = np.asarray([new if t == old else t for t in self._graph.outputs], np.int32)
        self._refresh()

    def set_image(self, tensor: int) -> None:
        """Make a tensor the input."""
        self._graph.inputs = np.asarray([tensor], np.int32)
        self._refresh()

    def set_outputs(self, tensors: Sequence[int]) -> None:
        """Make tensors the outputs."""
        self._graph.outputs = np.asarray(tensors, np.int32)
        self._refresh()

    def store(self, tensor: int, values: Array) -> None:
        """Make a computed tensor a constant; its operator must be removed."""
        buffer = schema.BufferT()
        buffer.data = np.frombuffer(np.ascontiguousarray(values).tobytes(), np.uint8)
        self._graph.tensors[tensor].shape = np.asarray(values.shape, np.int32)
        self._graph.tensors[tensor].buffer = len(self._model.buffers)
        self._model.buffers.append(buffer)

    def prepend_transpose(self, axes: Sequence[int]) -> None:
        """Make the input a transposition of a new one: axis n of the network's image is axis ``axes[n]`` of the new one."""
        shape = self.shape(self.image)
        new = self.add_tensor("image", "float32", tuple(shape[list(axes).index(n)] for n in range(len(axes))))
        order = self.add_constant("image_axes", np.asarray(axes, np.int32))
        self._prepend("TRANSPOSE", (new, order), schema.BuiltinOptions.TransposeOptions, schema.TransposeOptionsT())

    def prepend_reshape(self, shape: tuple[int, ...]) -> None:
        """Make the input a new one of another shape with the same number of values."""
        own = np.asarray(self.shape(self.image), np.int32)
        options = schema.ReshapeOptionsT()
        options.newShape = own
        inputs = self.add_tensor("image", "float32", shape), self.add_constant("image_shape", own)
        self._prepend("RESHAPE", inputs, schema.BuiltinOptions.ReshapeOptions, options)

    def prepend_convolution(self, matrix: Array, offset: Array) -> None:
        """Make the input a 1x1 convolution of a new one: image @ matrix + offset; ``matrix``: (channels, channels)."""
        options = schema.Conv2DOptionsT()
        options.padding, options.strideW, options.strideH = VALID, 1, 1
        kernel = matrix.T[:, np.newaxis, np.newaxis, :].astype(np.float32)
        new = self.add_tensor("image", "float32", self.shape(self.image))
        weights = self.add_constant("image/conv2d/kernel", kernel)
        bias = self.add_constant("image/conv2d/bias", offset.astype(np.float32))
        self._prepend("CONV_2D", (new, weights, bias), schema.BuiltinOptions.Conv2DOptions, options)

    def custom_name(self, operator: Operator) -> str:
        """Return the name of a custom operator, empty for others."""
        name = self._model.operatorCodes[operator.table.opcodeIndex].customCode
        return name.decode("utf-8", "replace") if name else ""

    def drop_unused(self) -> None:
        """Empty the buffers that no tensor in use refers to, and drop unused operator codes; tensors keep their numbers."""
        used = {*self.inputs, *self.outputs, *(t for op in self.operators for t in (*op.inputs, *op.outputs))}
        for number, tensor in enumerate(self._graph.tensors):
            if number not in used:
                tensor.buffer = 0
        kept = {tensor.buffer for tensor in self._graph.tensors}
        for number in range(len(self._model.buffers)):
            if number not in kept:
                self._model.buffers[number] = schema.BufferT()
        # TensorFlow's calibrator knows only the operators that occur, and refuses a model that lists others.
        codes = sorted({table.opcodeIndex for table in self._graph.operators})
        self._model.operatorCodes = [self._model.operatorCodes[number] for number in codes]
        for table in self._graph.operators:
            table.opcodeIndex = codes.index(table.opcodeIndex)

    def _prepend(self, name: str, inputs: Sequence[int], kind: int, options: Any) -> None:
        """Compute the input by a new first operator from ``inputs``, of which the first one becomes the input."""
        table = schema.OperatorT()
        table.opcodeIndex = self._code(OPERATORS.index(name))
        table.inputs, table.outputs = np.asarray(inputs, np.int32), np.asarray([self.image], np.int32)
        table.builtinOptionsType, table.builtinOptions = kind, options
        self._graph.operators.insert(0, table)
        self.set_image(inputs[0])

    def _refresh(self) -> None:
        self.operators = tuple(self._operator(table) for table in self._graph.operators)
        self.inputs = tuple(int(t) for t in self._graph.inputs)
        self.outputs = tuple(int(t) for t in self._graph.outputs)
