"""Checks what the converter made: int8 throughout, static shapes, an input that takes bytes as they are."""

from __future__ import annotations

from edgevision.errors import BadModel
from edgevision.graph import Graph, read_graph
from edgevision.preprocess import takes_bytes
from edgevision.rule import Rule

CONVERSIONS = frozenset({"QUANTIZE", "DEQUANTIZE", "CAST"})
"""Operators that only surround one that stays in floating point."""


def verify(flatbuffer: bytes, rule: Rule) -> Graph:
    """The graph of a converted model. Raises BadModel for one that would not run on an int8 device as promised."""
    graph = read_graph(flatbuffer)
    if not graph.all_int8:
        raise BadModel(f"this model cannot be fully int8: {_not_int8(graph)}")
    free = [t.spec for t in graph.tensors if any(n < 0 for n in t.spec.shape)]
    if free:
        raise BadModel(f"this model keeps a free dimension: {free[0].name} is {list(free[0].shape)}")
    dense = [op for op in graph.operators if op.name == "FULLY_CONNECTED"]
    if any(graph.tensors[n].per_channel for op in dense for n in op.inputs):
        raise BadModel("a dense layer was quantized per channel, which TFLite Micro, NNAPI and the Edge TPU refuse")
    spec = graph.input_specs[0]
    if not takes_bytes(rule, spec):
        raise BadModel(
            f"the input's quantization (scale {spec.scale:g}, zero point {spec.zero_point}) is not the rule's "
            f"({rule.describe()}), so that bytes cannot be fed as they are"
        )
    return graph


def _not_int8(graph: Graph) -> str:
    """Which operators stay outside of int8 and in which layers, for a person to find them in the model."""
    floating = [op for op in graph.operators if not all(graph.is_int8(n) for n in op.inputs + op.outputs)]
    working = [op for op in floating if op.name not in CONVERSIONS] or floating
    if not working:
        return "a constant stays in floating point"
    names = sorted({op.name for op in working})
    layer = graph.tensors[working[0].outputs[0]].spec.name
    return (
        f"{', '.join(names[:4])} {'has' if len(names) == 1 else 'have'} no int8 form (first in {layer!r}); "
        "replace the layer, for instance by one with ReLU and batch normalization, and train again"
    )
