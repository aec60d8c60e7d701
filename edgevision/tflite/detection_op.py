"""The operator at the end of most detectors: which model outputs hold its results, and its number of classes."""

from __future__ import annotations

import struct

from .flatbuffer import Table
from .schema import Model, Operator, OperatorCode, SubGraph
from .tables import main_graph, open_flatbuffer

DETECTION_OPERATOR = "TFLite_Detection_PostProcess"
MAX_CLASSES = 1_000_000
"""Upper limit of a plausible class count; a larger number means a damaged file."""


def result_outputs(flatbuffer: bytes) -> tuple[int | None, ...]:
    """Return which model outputs (0, 1 ...) hold the operator's boxes, classes, scores and count, in this order.

    None for a result that is not a model output; empty if the model has no such operator. Raises BadModel.
    """
    model = open_flatbuffer(flatbuffer)
    operator = _operator(model)
    if operator is None:
        return ()
    outputs = main_graph(model).integers(SubGraph.OUTPUTS, "i")
    results = operator.integers(Operator.OUTPUTS, "i")[:4]
    return tuple(outputs.index(tensor) if tensor in outputs else None for tensor in results)


def class_count(flatbuffer: bytes) -> int | None:
    """Return the operator's number of classes, without "background"; None if the model does not say."""
    operator = _operator(open_flatbuffer(flatbuffer))
    if operator is None:
        return None
    from flatbuffers import flexbuffers

    try:
        count = flexbuffers.GetRoot(bytearray(operator.raw(Operator.CUSTOM_OPTIONS))).AsMap["num_classes"].AsInt
    except (
        ValueError,
        TypeError,
        LookupError,
        ArithmeticError,
        AssertionError,
        struct.error,
    ):  # every error that a damaged file causes there
        return None
    return count if 0 < count < MAX_CLASSES else None


def _operator(model: Table) -> Table | None:
    codes = model.tables(Model.OPERATOR_CODES)
    numbers = {n for n, code in enumerate(codes) if code.text(OperatorCode.CUSTOM) == DETECTION_OPERATOR}
    if not numbers:
        return None
    operators = main_graph(model).tables(SubGraph.OPERATORS)
    return next((op for op in operators if op.integer(Operator.CODE, "I") in numbers), None)
