"""Cuts TFLite_Detection_PostProcess off a float detector, so that the network before it can be quantized."""

from __future__ import annotations

import numpy as np

from edgevision.errors import BadModel
from edgevision.tflite.detection_op import DETECTION_OPERATOR

from ..quantization.detection_operator import CutOperator
from .source_graph import SourceGraph


def cut_operator(graph: SourceGraph) -> CutOperator | None:
    """Remove the operator from the end of a graph, whose outputs become boxes and scores; None if it has none.

    Raises BadModel if the operator does not read what the network computes, or is not at the end.
    """
    found = [op for op in graph.operators if graph.custom_name(op) == DETECTION_OPERATOR]
    if not found:
        return None
    operator = found[0]
    known = len(found) == 1 and len(operator.inputs) == 3 and set(graph.outputs) <= set(operator.outputs)
    if not known or not graph.is_constant(operator.inputs[2]) or graph.dtype(operator.inputs[2]) != "float32":
        raise BadModel(f"{DETECTION_OPERATOR} is not the end of the network, or has no float anchors; export it again")
    cut = CutOperator(
        graph.constant(operator.inputs[2]).astype(np.float32),
        bytes(bytearray(operator.table.customOptions)),
        tuple((graph.name(tensor), graph.shape(tensor)) for tensor in operator.outputs),
        tuple(operator.outputs.index(tensor) for tensor in graph.outputs),
    )
    graph.remove([operator])
    graph.set_ends(graph.inputs, operator.inputs[:2])
    return cut
