"""The signatures of a model with several entry points. Only ``serving_default`` is run, or the first graph without it."""

from __future__ import annotations

import struct
from typing import Any

from ..errors import BadModel
from .schema import Model, SubGraph, Tensor
from .tables import main_index, open_flatbuffer, read_signatures


def signatures_json(flatbuffer: bytes) -> list[dict[str, Any]]:
    """Return all signatures as JSON: name, whether it is the one that is run, names of inputs and outputs."""
    model = open_flatbuffer(flatbuffer)
    used, found = main_index(model), []
    for name, number in read_signatures(model):
        graph = model.element(Model.SUBGRAPHS, number)
        tensors = graph.tables(SubGraph.TENSORS)
        ends = {
            key: [tensors[n].text(Tensor.NAME) for n in graph.integers(field, "i") if 0 <= n < len(tensors)]
            for key, field in (("inputs", SubGraph.INPUTS), ("outputs", SubGraph.OUTPUTS))
        }
        found.append({"name": name, "used": number == used, **ends})
    return found


def with_main_graph_first(flatbuffer: bytes) -> bytes:
    """Return a model whose first graph is the one to run, since the runtimes run the first; the same if it is already.

    The offsets of two subgraphs are exchanged, and the signatures, which name subgraphs by number, are left out.
    """
    model = open_flatbuffer(flatbuffer)
    main = main_index(model)
    if main == 0:
        return flatbuffer
    from .control_flow import read_parts
    from .graph_check import operator_names

    parts = read_parts(model, operator_names(model))
    if {0, main} & {called for part in parts for step in part.steps for called in step.called}:
        raise BadModel("the graph of serving_default is also part of a loop or condition; convert only that signature")
    vector, signatures = model.target(Model.SUBGRAPHS), model.target(Model.SIGNATURE_DEFS)
    if vector is None or signatures is None:
        return flatbuffer
    made = bytearray(flatbuffer)
    places = (vector + 4, vector + 4 + 4 * main)
    first, other = (place + struct.unpack_from("<I", made, place)[0] for place in places)
    # An offset counts from its own place, and only forward.
    if other <= places[0] or first <= places[1]:
        raise BadModel("the graphs of this model cannot be reordered; convert only the signature serving_default")
    struct.pack_into("<I", made, places[0], other - places[0])
    struct.pack_into("<I", made, places[1], first - places[1])
    struct.pack_into("<I", made, signatures, 0)
    return bytes(made)
