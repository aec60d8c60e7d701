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
COMPILER = "edgetpu_compiler 16.0"
_VERSIONS = """
ADD 3 AVERAGE_POOL_2D 3 CONCATENATION 3 CONV_2D 5 DEPTHWISE_CONV_2D 6 EXPAND_DIMS 1 FULLY_CONNECTED 9 L2_NORMALIZATION 2
LOGISTIC 3 MAXIMUM 4 MAX_POOL_2D 3 MEAN 3 MINIMUM 4 MUL 4 PACK 3 PAD 3 PRELU 1 QUANTIZE 2 REDUCE_MAX 3 REDUCE_MIN 3 RELU 3
RELU6 3 RELU_N1_TO_1 1 RESHAPE 1 RESIZE_BILINEAR 4 RESIZE_NEAREST_NEIGHBOR 4 RSQRT 2 SLICE 5 SOFTMAX 3 SPACE_TO_DEPTH 2
SPLIT 4 SQUARED_DIFFERENCE 2 SQUEEZE 2 STRIDED_SLICE 5 SUB 5 SUM 2 TANH 3 TRANSPOSE 5 TRANSPOSE_CONV 3
UNIDIRECTIONAL_SEQUENCE_LSTM 3
"""
VERSIONS = dict(zip(_VERSIONS.split()[::2], map(int, _VERSIONS.split()[1::2]), strict=True))
"""Highest version of each operator in TensorFlow Lite of July 2021, with which the last compiler was built. A newer one, such as
CONV_2D 6, makes it refuse the whole model ("Didn't find op for builtin opcode")."""
ON_CHIP_BYTES = 8_000_000
"""Memory of the Edge TPU for weights and program, about; weights beyond it are sent again for each image."""
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
    parameter_bytes: int = 0
    """Size of the weights."""

    @property
    def fits_on_chip(self) -> bool:
        """Whether all weights should fit into the Edge TPU's memory, so that they are sent only once."""
        return self.parameter_bytes <= ON_CHIP_BYTES

    def to_json(self) -> dict[str, Any]:
        """Return the result as JSON values; ``mapped`` is null, since only the compiler knows it."""
        return {
            "compiled": self.compiled,
            "ready": self.ready,
            "reasons": list(self.reasons),
            "mapped": None,
            "parameter_bytes": self.parameter_bytes,
            "fits_on_chip": self.fits_on_chip,
        }


def readiness(graph: Graph, subgraphs: int = 1) -> Readiness:
    """Check a graph; ``subgraphs``: number of graphs in the model."""
    size = sum(tensor.parameter_bytes for tensor in graph.tensors)
    if any(op.name == COMPILED_OPERATOR for op in graph.operators):
        return Readiness(compiled=True, ready=True, reasons=(), parameter_bytes=size)
    reasons = [*_shapes(graph), *_types(graph), *_operators(graph), *_versions(graph)]
    if subgraphs > 1:
        reasons.append(f"the model has {subgraphs} graphs (loops or conditions), but the compiler supports only one")
    return Readiness(compiled=False, ready=not reasons, reasons=tuple(reasons), parameter_bytes=size)


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


def _versions(graph: Graph) -> list[str]:
    """Check that the compiler knows the version of each operator."""
    newer = sorted({(op.name, op.version) for op in graph.operators if op.version > VERSIONS.get(op.name, op.version)})
    return [
        f"{name} has version {version}, but {COMPILER} knows versions up to {VERSIONS[name]} and refuses the model"
        for name, version in newer
    ]
