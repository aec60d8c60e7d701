"""Truncated models: the same flatbuffer with a graph that ends after a given number of operators."""

from __future__ import annotations

import struct

from edgevision.errors import BadModel
from edgevision.tflite.graph import Graph
from edgevision.tflite.schema import Model, SubGraph
from edgevision.tflite.tables import main_graph, open_flatbuffer

_ALIGNED = 4


def cut(flatbuffer: bytes, graph: Graph, count: int) -> bytes:
    """Return the model of the first ``count`` operators. Its outputs are all tensors that the other operators would read.

    Nothing is moved: the vector of operators is shortened in place, and a new vector of outputs is appended.
    Raises BadModel for a graph without operators or outputs.
    """
    model = open_flatbuffer(flatbuffer)
    main = main_graph(model)
    operators, outputs = main.target(SubGraph.OPERATORS), main.position(SubGraph.OUTPUTS)
    if operators is None or outputs is None or not 1 <= count <= len(graph.operators):
        raise BadModel(f"the model cannot be truncated after {count} of {len(graph.operators)} operators")
    made = bytearray(flatbuffer)
    struct.pack_into("<I", made, operators, count)
    made += bytes(-len(made) % _ALIGNED)
    struct.pack_into("<I", made, outputs, len(made) - outputs)
    alive = open_ends(graph, count)
    made += struct.pack(f"<I{len(alive)}i", len(alive), *alive)
    signatures = model.target(Model.SIGNATURE_DEFS)
    if signatures is not None:  # they name outputs that no longer exist
        struct.pack_into("<I", made, signatures, 0)
    return bytes(made)


def open_ends(graph: Graph, count: int) -> list[int]:
    """Return the tensors made by the first ``count`` operators that the other operators or the caller would read."""
    made = {tensor for one in graph.operators[:count] for tensor in one.outputs}
    wanted = {tensor for one in graph.operators[count:] for tensor in one.inputs} | set(graph.outputs)
    return sorted(made & wanted) or list(graph.operators[count - 1].outputs)
