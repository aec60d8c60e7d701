"""Which operators TensorFlow Lite Micro has, on which types, and how a firmware registers them.

The names are those of micro_mutable_op_resolver.h as of August 2026. What else a kernel refuses shows only when the model
runs in the interpreter itself (``trial.py``).
"""

from __future__ import annotations

from edgevision.tflite.detection_op import DETECTION_OPERATOR
from edgevision.tflite.graph import Graph, GraphOperator

_BUILTIN = """
ABS ADD ADD_N ARG_MAX ARG_MIN ASSIGN_VARIABLE AVERAGE_POOL_2D BATCH_MATMUL BATCH_TO_SPACE_ND BROADCAST_ARGS BROADCAST_TO
CALL_ONCE CAST CEIL CONCATENATION CONV_2D COS CUMSUM DEPTH_TO_SPACE DEPTHWISE_CONV_2D DEQUANTIZE DIV DYNAMIC_UPDATE_SLICE
ELU EMBEDDING_LOOKUP EQUAL EXP EXPAND_DIMS FILL FLOOR FLOOR_DIV FLOOR_MOD FULLY_CONNECTED GATHER GATHER_ND GREATER
GREATER_EQUAL HARD_SWISH IF L2_NORMALIZATION L2_POOL_2D LEAKY_RELU LESS LESS_EQUAL LOG LOG_SOFTMAX LOGICAL_AND LOGICAL_NOT
LOGICAL_OR LOGISTIC MAX_POOL_2D MAXIMUM MEAN MINIMUM MIRROR_PAD MUL NEG NOT_EQUAL PACK PAD PADV2 PRELU QUANTIZE
READ_VARIABLE REDUCE_ALL REDUCE_MAX REDUCE_MIN RELU RELU6 RESHAPE RESIZE_BILINEAR RESIZE_NEAREST_NEIGHBOR REVERSE_V2 ROUND
RSQRT SELECT_V2 SHAPE SIN SLICE SOFTMAX SPACE_TO_BATCH_ND SPACE_TO_DEPTH SPLIT SPLIT_V SQRT SQUARE SQUARED_DIFFERENCE
SQUEEZE STRIDED_SLICE SUB SUM SVDF TANH TRANSPOSE TRANSPOSE_CONV UNIDIRECTIONAL_SEQUENCE_LSTM UNPACK VAR_HANDLE WHILE
ZEROS_LIKE
"""
BUILTIN = frozenset(_BUILTIN.split())
"""Builtin operators that the resolver can register."""
_OTHER_NAMES = {
    "BATCH_MATMUL": "BatchMatMul",
    "CUMSUM": "CumSum",
    "PADV2": "PadV2",
    "UNIDIRECTIONAL_SEQUENCE_LSTM": "UnidirectionalSequenceLSTM",
    DETECTION_OPERATOR: "DetectionPostprocess",
}
"""Names that do not follow from those of the schema."""
WEIGHTED = frozenset({"CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "TRANSPOSE_CONV"})
"""Operators with weights, whose kernels know few pairs of types."""
WEIGHT_TYPES = {"int8": ("int8", "int4"), "int16": ("int8",), "float32": ("float32",)}
"""Type of activations -> types of weights that the kernels multiply them with."""
NOT_UINT8 = frozenset(
    "ADD ARG_MAX AVERAGE_POOL_2D L2_NORMALIZATION LEAKY_RELU LOGISTIC MAX_POOL_2D MEAN MUL RELU RELU6 SOFTMAX SUB TANH".split()
)
"""Operators that compute on int8, not on uint8."""


def methods(graph: Graph) -> list[str]:
    """Return the methods of MicroMutableOpResolver that register the operators of a model, sorted."""
    return sorted({f"Add{_method(op.name)}" for op in graph.operators})


def problems(graph: Graph) -> list[str]:
    """Return why TensorFlow Lite Micro cannot run a model, in a few words each; empty if nothing is known."""
    found = []
    missing = sorted({op.name for op in graph.operators if not _known(op)})
    if missing:
        found.append(f"it lacks {', '.join(missing)}")
    types = sorted({reason for op in graph.operators if (reason := _type_problem(graph, op))})
    return found + types


def _known(operator: GraphOperator) -> bool:
    return operator.name == DETECTION_OPERATOR if operator.custom else operator.name in BUILTIN


def _type_problem(graph: Graph, operator: GraphOperator) -> str:
    kinds = [graph.tensors[number].spec.dtype for number in operator.inputs]
    if operator.name in WEIGHTED and len(kinds) > 1:
        weights, values = (kinds[1], kinds[2]) if operator.name == "TRANSPOSE_CONV" and len(kinds) > 2 else kinds[1::-1]
        if weights not in WEIGHT_TYPES.get(values, ()):
            return (
                f"it computes {operator.name} in int8, int16 or float32, not with {values} values and {weights} weights"
            )
    elif operator.name in NOT_UINT8 and "uint8" in kinds:
        return f"it computes {operator.name} in int8, int16 or float32, not in uint8"
    elif operator.name == "DEQUANTIZE" and "float16" in kinds:
        return "it has no float16 weights"
    return ""


def _method(name: str) -> str:
    """Return the name of a method without Add: AVERAGE_POOL_2D -> AveragePool2D."""
    return _OTHER_NAMES.get(name) or "".join(part.capitalize() for part in name.split("_")).replace("2d", "2D")
