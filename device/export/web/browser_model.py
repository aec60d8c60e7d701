"""The model as LiteRT.js can run it: with fixed shapes and 32-bit numbers at its outputs.

LiteRT.js 2.5 reserves the memory of outputs before it runs a model, and returns no 64-bit integers. The results of
TFLite_Detection_PostProcess often have no shape in the file, and a segmenter's ARG_MAX often makes 64-bit classes. Both are
changed without touching the rest: the classes become 32-bit ones, and tensors with a shape are appended.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

import flatbuffers

from edgevision.errors import BadModel
from edgevision.tflite.flatbuffer import Table
from edgevision.tflite.metadata_buffer import can_move
from edgevision.tflite.schema import OPERATORS, TYPES, Model, Operator, OperatorCode, SubGraph, Tensor
from edgevision.tflite.tables import main_graph, open_flatbuffer, tensor_spec

ARG_MAX = OPERATORS.index("ARG_MAX")
OPTIONS = 3
"""Field of an operator with the type of its options; the options themselves are the next one."""
OUTPUT_TYPE = 0
"""Field of ArgMaxOptions with the type of the output."""
INT32, INT64 = TYPES.index("int32"), TYPES.index("int64")
ALIGN = 16


def browser_model(flatbuffer: bytes, shapes: Sequence[tuple[int, ...]]) -> bytes:
    """Return the model as LiteRT.js can run it; unchanged if it can run it as it is.

    ``shapes``: those that the outputs have after a run. Raises BadModel for outputs that cannot be changed.
    """
    model = open_flatbuffer(flatbuffer)
    graph = main_graph(model)
    made = bytearray(flatbuffer)
    for number, shape in zip(graph.integers(SubGraph.OUTPUTS, "i"), shapes, strict=True):
        tensor = graph.element(SubGraph.TENSORS, number)
        if tensor.integer(Tensor.TYPE, "b") == INT64:
            _make_int32(made, model, graph, number)
        if tensor.integers(Tensor.SHAPE, "i") != shape:
            _refuse_weights_behind(model)
            _give_shape(made, graph, number, shape)
    return bytes(made)


def _make_int32(made: bytearray, model: Table, graph: Table, number: int) -> None:
    """Let the ARG_MAX at the end of a graph make 32-bit classes. Raises BadModel if another operator makes the output."""
    for operator in graph.tables(SubGraph.OPERATORS):
        if number in operator.integers(Operator.INPUTS, "i"):
            break
        if number not in operator.integers(Operator.OUTPUTS, "i") or _builtin(model, operator) != ARG_MAX:
            continue
        options = operator.union(OPTIONS)[1]
        at = None if options is None else options.position(OUTPUT_TYPE)
        tensor_at = graph.element(SubGraph.TENSORS, number).position(Tensor.TYPE)
        if at is None or tensor_at is None:
            break
        made[at] = made[tensor_at] = INT32
        return
    name = tensor_spec(graph.element(SubGraph.TENSORS, number)).name[:60]
    raise BadModel(
        f"its output {name} is int64, which browsers' runtime does not return; export the model with int32 classes"
    )


def _builtin(model: Table, operator: Table) -> int:
    code = model.element(Model.OPERATOR_CODES, operator.integer(Operator.CODE, "I"))
    return max(code.integer(OperatorCode.OLD_BUILTIN, "b"), code.integer(OperatorCode.BUILTIN, "i"))


def _refuse_weights_behind(model: Table) -> None:
    if not can_move(model):
        raise BadModel(
            "it stores weights behind its flatbuffer and its outputs have no fixed shape; export it again with fixed shapes"
        )


def _give_shape(made: bytearray, graph: Table, number: int, shape: tuple[int, ...]) -> None:
    """Append a tensor like the one with this number, but with a shape, and refer to it instead."""
    old = graph.element(SubGraph.TENSORS, number)
    spec = tensor_spec(old)
    if spec.quantized or spec.dtype != "float32":
        raise BadModel(f"its output {spec.name[:60]} has no fixed shape; export the model again with fixed shapes")
    built = _tensor(spec.name, shape, old.integer(Tensor.BUFFER, "I"))
    made.extend(bytes(-len(made) % ALIGN))
    start = len(made)
    made.extend(built)
    root = start + int(struct.unpack_from("<I", built)[0])
    tensors = graph.target(SubGraph.TENSORS)
    assert tensors is not None
    element = tensors + 4 + 4 * number
    struct.pack_into("<I", made, element, root - element)


def _tensor(name: str, shape: tuple[int, ...], buffer: int) -> bytes:
    """Return a float32 tensor as a flatbuffer of its own."""
    builder = flatbuffers.Builder(256)
    label = builder.CreateString(name)
    builder.StartVector(4, len(shape), 4)
    for size in reversed(shape):
        builder.PrependInt32(size)
    sizes = builder.EndVector()
    builder.StartObject(Tensor.NAME + 1)
    builder.PrependUOffsetTRelativeSlot(Tensor.SHAPE, sizes, 0)
    builder.PrependUint32Slot(Tensor.BUFFER, buffer, 0)
    builder.PrependUOffsetTRelativeSlot(Tensor.NAME, label, 0)
    builder.Finish(builder.EndObject())
    return bytes(builder.Output())
