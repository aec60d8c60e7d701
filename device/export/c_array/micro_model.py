"""The model as TensorFlow Lite Micro needs it: int8 or uint8 at its ends if asked for, and nothing that is not read there.

Metadata, signatures, names and ranges go; the operators and all numbers stay, equal ones once. Buffers are aligned as the
schema requires, because a microcontroller reads weights in place.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import flatbuffers
import numpy as np

from edgevision.errors import BadModel, MissingDependency
from edgevision.tflite.schema import IDENTIFIER, OPERATORS, TYPES

if TYPE_CHECKING:
    from collections.abc import Sequence

QUANTIZE, DEQUANTIZE = OPERATORS.index("QUANTIZE"), OPERATORS.index("DEQUANTIZE")
ARG_MAX = OPERATORS.index("ARG_MAX")
INT8, UINT8, FLOAT32 = TYPES.index("int8"), TYPES.index("uint8"), TYPES.index("float32")
INT32, INT64 = TYPES.index("int32"), TYPES.index("int64")
OFFSET = 128
"""What a value as uint8 is above the same value as int8."""
ALIGN = 16
"""Alignment of the data of buffers (bytes)."""
QUANTIZE_VERSION = 2
"""Version of QUANTIZE from which it turns 8-bit integers into others."""
NO_TENSOR = -1
"""Number of an optional tensor that is absent."""


class _CompactBuilder(flatbuffers.Builder):  # type: ignore[misc]
    """A builder that stores equal vectors once, and aligns those of bytes, which the generated code does not.

    The zero points of weights are a vector of 64-bit zeros for each layer: a sixth of a small model.
    """

    def __init__(self, size: int) -> None:
        super().__init__(size)
        self._vectors: dict[tuple[str, bytes], Any] = {}

    def CreateNumpyVector(self, x: Any) -> Any:
        key = (x.dtype.str, x.tobytes())
        if key not in self._vectors:
            if x.dtype == np.uint8:
                self.Prep(ALIGN, x.nbytes)
            self._vectors[key] = super().CreateNumpyVector(x)
        return self._vectors[key]


def micro_model(flatbuffer: bytes, io: str | None = None, shapes: Sequence[tuple[int, ...]] = ()) -> bytes:
    """Return a model without what a microcontroller does not read.

    ``io``: the type of its inputs and outputs, int8 or uint8; None leaves them. Outputs that are neither, such as the
    boxes of a detector, stay. ``shapes``: those of the outputs, for outputs without one. Raises BadModel, MissingDependency.
    """
    model = _unpacked(flatbuffer)
    graph = model.subgraphs[0]
    for number, shape in zip(graph.outputs, shapes, strict=False):
        if not _count(graph.tensors[number].shape):
            graph.tensors[number].shape = np.array(shape, np.int32)
        _int32_classes(model, graph, number)
    if io is not None:
        for place in range(len(graph.inputs)):
            _int8_input(model, graph, place)
        for place in range(len(graph.outputs)):
            _int8_output(model, graph, place)
    if io == "uint8":
        _uint8_ends(model, graph)
    _strip(model)
    for one in model.subgraphs:
        _drop_tensors(one)
    _drop_buffers(model)
    _drop_codes(model)
    return _packed(model)


def _unpacked(flatbuffer: bytes) -> Any:
    try:
        from ai_edge_litert import schema_py_generated as schema
    except ImportError:
        raise MissingDependency(
            "the TFLite schema is not installed; install it with: pip install ai-edge-litert"
        ) from None
    model = schema.ModelT.InitFromPackedBuf(flatbuffer, 0)
    for buffer in model.buffers:
        if buffer.offset > 1:  # weights behind the flatbuffer
            buffer.data = np.frombuffer(flatbuffer, np.uint8)[buffer.offset : buffer.offset + buffer.size]
            buffer.offset = buffer.size = 0
    for graph in model.subgraphs:
        graph.operators = graph.operators if graph.operators is not None else []
        for name in ("inputs", "outputs"):
            setattr(graph, name, [int(n) for n in _items(getattr(graph, name))])
    return model


def _int32_classes(model: Any, graph: Any, number: int) -> None:
    """Let the ARG_MAX at the end of a segmenter make 32-bit classes; it makes no others on a microcontroller."""
    maker = next((one for one in graph.operators if number in _items(one.outputs)), None)
    if maker is not None and _builtin(model, maker) == ARG_MAX and graph.tensors[number].type == INT64:
        graph.tensors[number].type = maker.builtinOptions.outputType = INT32


def _int8_input(model: Any, graph: Any, place: int) -> None:
    """Let the graph begin after the QUANTIZE of an input. Raises BadModel if there is none."""
    number = graph.inputs[place]
    tensor = graph.tensors[number]
    if tensor.type == INT8:
        return
    users = [one for one in graph.operators if number in _items(one.inputs)]
    if len(users) == 1 and _builtin(model, users[0]) == QUANTIZE:
        inner = int(users[0].outputs[0])
        if _same_values(tensor, graph.tensors[inner]):
            graph.inputs[place] = inner
            graph.operators.remove(users[0])
            return
    raise BadModel(
        f"--io needs a model that computes in int8, but this one computes with its {TYPES[tensor.type]} input; convert the "
        "Keras model it was made from, or leave out --io"
    )


def _int8_output(model: Any, graph: Any, place: int) -> None:
    """Let the graph end before the QUANTIZE or DEQUANTIZE of an output; other outputs stay."""
    number = graph.outputs[place]
    maker = next((one for one in graph.operators if number in _items(one.outputs)), None)
    if maker is None or _builtin(model, maker) not in (QUANTIZE, DEQUANTIZE):
        return
    inner = int(maker.inputs[0])
    if not _same_values(graph.tensors[number], graph.tensors[inner]):
        return
    graph.outputs[place] = inner
    if not any(number in _items(one.inputs) for one in graph.operators) and number not in graph.outputs:
        graph.operators.remove(maker)


def _same_values(end: Any, inner: Any) -> bool:
    """Return whether an 8-bit integer inside stands for exactly the value at the end: no value is rounded twice."""
    if inner.type != INT8:
        return False
    if end.type == FLOAT32:
        return True
    outside, inside = end.quantization, inner.quantization
    return (
        end.type == UINT8
        and float(outside.scale[0]) == float(inside.scale[0])
        and int(outside.zeroPoint[0]) == int(inside.zeroPoint[0]) + OFFSET
    )


def _uint8_ends(model: Any, graph: Any) -> None:
    """Put a QUANTIZE before each int8 input and after each int8 output."""
    code = _quantize_code(model)
    for place, number in enumerate(graph.inputs):
        if graph.tensors[number].type == INT8:
            graph.inputs[place] = _uint8_twin(graph, number)
            graph.operators.insert(0, _quantize(model, code, graph.inputs[place], number))
    for place, number in enumerate(graph.outputs):
        if graph.tensors[number].type == INT8:
            graph.outputs[place] = _uint8_twin(graph, number)
            graph.operators.append(_quantize(model, code, number, graph.outputs[place]))


def _uint8_twin(graph: Any, number: int) -> int:
    """Append a tensor with the values of an int8 one as uint8, and return its number."""
    from ai_edge_litert import schema_py_generated as schema

    inner = graph.tensors[number]
    quantization = schema.QuantizationParametersT(
        scale=inner.quantization.scale, zeroPoint=np.asarray(inner.quantization.zeroPoint, np.int64) + OFFSET
    )
    graph.tensors.append(schema.TensorT(shape=inner.shape, type=UINT8, quantization=quantization))
    return len(graph.tensors) - 1


def _quantize_code(model: Any) -> int:
    from ai_edge_litert import schema_py_generated as schema

    model.operatorCodes.append(
        schema.OperatorCodeT(deprecatedBuiltinCode=QUANTIZE, builtinCode=QUANTIZE, version=QUANTIZE_VERSION)
    )
    return len(model.operatorCodes) - 1


def _quantize(model: Any, code: int, given: int, made: int) -> Any:
    from ai_edge_litert import schema_py_generated as schema

    return schema.OperatorT(
        opcodeIndex=code,
        inputs=[given],
        outputs=[made],
        builtinOptionsType=schema.BuiltinOptions.QuantizeOptions,
        builtinOptions=schema.QuantizeOptionsT(),
    )


def _strip(model: Any) -> None:
    """Remove what an interpreter does not read."""
    model.description = model.metadata = model.metadataBuffer = model.signatureDefs = None
    for graph in model.subgraphs:
        graph.name = None
        for tensor in graph.tensors:
            tensor.name = tensor.shapeSignature = None
            if tensor.quantization is not None:
                tensor.quantization.min = tensor.quantization.max = None


def _drop_tensors(graph: Any) -> None:
    """Remove the tensors that nothing refers to, and number the others again."""
    lists = [(one, name) for one in graph.operators for name in ("inputs", "outputs", "intermediates")]
    lists += [(graph, "inputs"), (graph, "outputs")]
    used = {int(n) for owner, name in lists for n in _items(getattr(owner, name))} - {NO_TENSOR}
    new = {old: number for number, old in enumerate(sorted(used))} | {NO_TENSOR: NO_TENSOR}
    graph.tensors = [graph.tensors[old] for old in sorted(used)]
    for owner, name in lists:
        if getattr(owner, name) is not None:
            setattr(owner, name, [new[int(n)] for n in getattr(owner, name)])


def _drop_buffers(model: Any) -> None:
    """Remove the buffers of no tensor; the first one is empty by the schema's rule."""
    tensors = [tensor for graph in model.subgraphs for tensor in graph.tensors]
    used = sorted({0, *(tensor.buffer for tensor in tensors)})
    new: Mapping[int, int] = {old: number for number, old in enumerate(used)}
    model.buffers = [model.buffers[old] for old in used]
    for tensor in tensors:
        tensor.buffer = new[tensor.buffer]


def _drop_codes(model: Any) -> None:
    """Remove the operator codes of no operator, and those that say the same as another one."""
    operators = [one for graph in model.subgraphs for one in graph.operators]
    codes: dict[tuple[Any, ...], int] = {}
    kept: list[Any] = []
    for one in operators:
        code = model.operatorCodes[one.opcodeIndex]
        key = (code.builtinCode, code.deprecatedBuiltinCode, code.customCode, code.version)
        if key not in codes:
            codes[key] = len(kept)
            kept.append(code)
        one.opcodeIndex = codes[key]
    model.operatorCodes = kept


def _packed(model: Any) -> bytes:
    builder = _CompactBuilder(1 << 20)
    builder.Finish(model.Pack(builder), IDENTIFIER)
    return bytes(builder.Output())


def _builtin(model: Any, operator: Any) -> int:
    code = model.operatorCodes[operator.opcodeIndex]
    return max(int(code.builtinCode), int(code.deprecatedBuiltinCode))


def _items(values: Any) -> Any:
    return () if values is None else values


def _count(values: Any) -> int:
    return 0 if values is None else len(values)
