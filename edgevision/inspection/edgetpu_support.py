"""Check whether the Edge TPU compiler can map a model, from its graph alone, since the compiler may not be available.

Based on the supported operations and model requirements in the public Coral documentation.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from ..tflite.detection_op import DETECTION_OPERATOR
from ..tflite.graph import Graph
from ..tflite.schema import COMPILED_OPERATOR

_SUPPORTED = """
ADD AVERAGE_POOL_2D CONCATENATION CONV_2D DEPTHWISE_CONV_2D EXPAND_DIMS FULLY_CONNECTED L2_NORMALIZATION LOGISTIC
MAX_POOL_2D MAXIMUM MEAN MINIMUM MUL PACK PAD PRELU QUANTIZE REDUCE_MAX REDUCE_MIN RELU RELU6 RELU_N1_TO_1 RESHAPE
RESIZE_BILINEAR RESIZE_NEAREST_NEIGHBOR RSQRT SLICE SOFTMAX SPACE_TO_DEPTH SPLIT SQUARED_DIFFERENCE SQUEEZE
STRIDED_SLICE SUB SUM TANH TRANSPOSE TRANSPOSE_CONV UNIDIRECTIONAL_SEQUENCE_LSTM
"""
SUPPORTED = frozenset(_SUPPORTED.split())
EIGHT_BIT = frozenset({"int8", "uint8", "int32"})
"""Tensor types that the Edge TPU supports; int32 holds biases."""


@dataclass(frozen=True, slots=True)
class Readiness:
    """Whether a model is ready for the Edge TPU."""

    compiled: bool
    """Whether the model is compiled already, so that it cannot run without an Edge TPU."""
    ready: bool
    """Whether all operators should map; a detector's last operator always stays on the CPU."""
    reasons: tuple[str, ...]
    """Why it is not ready."""

    def to_json(self) -> dict[str, Any]:
        """Return the result as JSON values; ``mapped`` is null, since only the compiler knows it."""
        return {"compiled": self.compiled, "ready": self.ready, "reasons": list(self.reasons), "mapped": None}


def readiness(graph: Graph, subgraphs: int = 1) -> Readiness:
    """Check a graph; ``subgraphs``: number of graphs in the model."""
    if any(op.name == COMPILED_OPERATOR for op in graph.operators):
        return Readiness(compiled=True, ready=True, reasons=())
    reasons = [*_shapes(graph), *_types(graph), *_operators(graph)]
    if subgraphs > 1:
        reasons.append(f"the model has {subgraphs} graphs (loops or conditions), but the compiler supports only one")
    return Readiness(compiled=False, ready=not reasons, reasons=tuple(reasons))


def _shapes(graph: Graph) -> list[str]:
    found = [s for s in graph.input_specs if -1 in s.shape]
    if found:
        return [f"the input {found[0].name} has no fixed shape: {list(found[0].shape)}"]
    batches = [s.shape[0] for s in graph.input_specs if s.shape and s.shape[0] != 1]
    return [f"the input has a batch size of {batches[0]}, but the compiler requires 1"] if batches else []


def _types(graph: Graph) -> list[str]:
    """Check that all tensors are 8 bit, except the results of a detector's last operator, which runs on the CPU."""
    on_cpu = {n for op in graph.operators if op.name == DETECTION_OPERATOR for n in op.outputs}
    other = [t.spec for n, t in enumerate(graph.tensors) if t.spec.dtype not in EIGHT_BIT and n not in on_cpu]
    counts = Counter(spec.dtype for spec in other)
    if not counts:
        return []
    kinds = ", ".join(f"{count} {dtype}" for dtype, count in counts.most_common())
    return [f"{sum(counts.values())} of {len(graph.tensors)} tensors are not 8 bit ({kinds}), e.g. {other[0].name!r}"]


def _operators(graph: Graph) -> list[str]:
    counts = Counter(op.name for op in graph.operators if op.name not in SUPPORTED and op.name != DETECTION_OPERATOR)
    reasons = [
        f"{name} ({count}x) is not supported: it and all later operators run on the CPU"
        for name, count in counts.items()
    ]
    dense = [op for op in graph.operators if op.name == "FULLY_CONNECTED"]
    if any(graph.tensors[n].per_channel for op in dense for n in op.inputs):
        reasons.append("FULLY_CONNECTED has weights quantized per channel, but the compiler requires per tensor")
    return reasons
