"""The number of classes of a model, and its labels in the model's numbering."""

from __future__ import annotations

from ..tflite.graph import Graph, GraphOperator
from ..tflite.outputs import cell_classes, classes, mask_kind
from ..types import Task
from .detector import detector_classes
from .label_counts import PLACEHOLDERS
from .model_file import ModelFile

PASSING = ("QUANTIZE", "DEQUANTIZE", "RESHAPE", "SQUEEZE", "CAST")
"""Operators that do not change the values."""


def count_classes(file: ModelFile, graph: Graph, task: Task, layout: str | None = None) -> int | None:
    """Return the number of classes that the graph shows; None if it does not, and for other tasks. Raises BadModel.

    ``layout``: name of a detector's output layout, if it is known.
    """
    if task == "detection":
        return detector_classes(file, layout)
    if task == "points":
        return cell_classes(graph.output_specs[0]) if graph.outputs else None
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
    if task in ("detection", "points") and len(labels) == classes + 1 and labels[0].lower() in PLACEHOLDERS:
        return labels[1:]
    return labels


def producer(graph: Graph) -> GraphOperator | None:
    """Return the operator that computes the first output's values, None if there is none."""
    operator = graph.producer(graph.outputs[0]) if graph.outputs else None
    for _ in graph.operators:  # not "while": the operators of a damaged file may form a cycle
        if operator is not None and operator.name in PASSING and operator.inputs:
            operator = graph.producer(operator.inputs[0])
    return operator
