"""Replaces what a graph computes from constants alone by its value: float16 weights, and shapes of a batch of any size."""

from __future__ import annotations

import numpy as np

from ..quantization.correction.kernel_runner import tap
from .source_graph import SourceGraph

UNPREDICTABLE = ("RANDOM", "MULTINOMIAL", "VARIABLE", "VAR_HANDLE", "HASHTABLE", "CUSTOM", "CALL", "WHILE", "IF")
"""Parts of the names of operators whose results depend on more than their inputs."""


def fold_constants(graph: SourceGraph) -> None:
    """Store the values that do not depend on the image, and remove the operators that compute them.

    With a batch of one image all shapes are known, so that SHAPE is a constant, too.
    """
    _widen_half_precision(graph)
    fixed = {tensor for tensor in range(graph.tensor_count) if graph.is_constant(tensor)}
    stored = frozenset(fixed)
    gone = []
    for operator in graph.operators:
        known = bool(operator.inputs) and all(t < 0 or t in fixed for t in operator.inputs)
        if (known or operator.name == "SHAPE") and not any(part in operator.name for part in UNPREDICTABLE):
            fixed.update(operator.outputs)
            gone.append(operator)
    if not gone:
        return
    read = {t for op in graph.operators if op not in gone for t in op.inputs}
    needed = sorted((read & fixed) - stored)
    if needed:
        image = np.zeros(graph.shape(graph.image), graph.dtype(graph.image))
        for tensor, values in zip(needed, tap(graph, needed)(image), strict=True):
            graph.store(tensor, values)
    graph.remove(gone)


def _widen_half_precision(graph: SourceGraph) -> None:
    """Store float16 weights as float32; the runtime computes their DEQUANTIZE only as part of the operator that reads it."""
    gone = [op for op in graph.operators if op.name == "DEQUANTIZE" and graph.is_constant(op.inputs[0])]
    for operator in gone:
        graph.store(operator.outputs[0], graph.constant(operator.inputs[0]).astype(np.float32))
    graph.remove(gone)
