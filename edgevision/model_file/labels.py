"""The number of classes of a detector or segmenter, and its labels in the model's numbering."""

from __future__ import annotations

from collections.abc import Sequence

from ..errors import BadInput
from ..tflite.detection_op import class_count
from ..tflite.graph import Graph, GraphOperator
from ..tflite.outputs import classes, mask_kind
from ..types import Task

PLACEHOLDERS = ("???", "n/a", "background", "unlabeled", "none", "")
"""Labels, in lower case, that lists use for a class that a detector does not number."""
PASSING = ("QUANTIZE", "DEQUANTIZE", "RESHAPE", "SQUEEZE", "CAST")
"""Operators that do not change the values."""


def count_classes(flatbuffer: bytes, graph: Graph, task: Task) -> int | None:
    """Return the number of classes that the graph shows; None if it does not, and for other tasks. Raises BadModel."""
    if task == "detection":
        return class_count(flatbuffer)
    if task == "embedding" or not graph.outputs:
        return None
    spec = graph.output_specs[0]
    if task in ("classification", "multilabel"):
        count = classes(spec, "softmax")
        return count if count > 1 else None  # one score is one class or two
    kind = mask_kind(spec)
    if kind == "classes":
        operator = producer(graph)
        found = operator is not None and operator.name == "ARG_MAX" and operator.inputs
        shape = graph.tensors[operator.inputs[0]].spec.shape if operator is not None and found else ()
        return shape[-1] if shape and shape[-1] > 1 else None
    return spec.shape[-1] if kind == "scores" else 2


def fit_labels(labels: tuple[str, ...], classes: int | None, task: Task) -> tuple[str, ...]:
    """Return labels in the model's numbering: without trailing notes and without a leading placeholder."""
    if classes is None:
        return labels
    if len(labels) > classes and not labels[classes]:
        return labels[:classes]
    if task == "detection" and len(labels) == classes + 1 and labels[0].lower() in PLACEHOLDERS:
        return labels[1:]
    return labels


def refuse_count(labels: Sequence[str], classes: int | None) -> None:
    """Raise BadInput if the number of labels does not fit the model's number of classes."""
    if labels and classes is not None and len(labels) != classes:
        raise BadInput(count_fault(labels, classes))


def count_fault(labels: Sequence[str], classes: int) -> str:
    """Return the message about a wrong number of labels; one more or fewer is usually the background."""
    said = f"got {len(labels)} labels, but the model has {classes} classes"
    if len(labels) == classes + 1:
        first = labels[0]
        if first.lower() in PLACEHOLDERS:
            return f"{said}; the first label, {first!r}, is for a class that the model does not have: remove that line"
        return f"{said}; remove the label of the class that the model does not have, usually a background"
    if len(labels) == classes - 1:
        return f"{said}; usually class 0 is the background then: insert the line 'background' before the first label"
    return f"{said}; give one label per class"


def producer(graph: Graph) -> GraphOperator | None:
    """Return the operator that computes the first output's values, None if there is none."""
    operator = graph.producer(graph.outputs[0]) if graph.outputs else None
    for _ in graph.operators:  # not "while": the operators of a damaged file may form a cycle
        if operator is not None and operator.name in PASSING and operator.inputs:
            operator = graph.producer(operator.inputs[0])
    return operator
