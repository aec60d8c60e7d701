"""How many classes a detector or segmenter tells apart, and a list of labels as it numbers them."""

from __future__ import annotations

from collections.abc import Sequence

from .data import Task
from .detection_operator import class_count
from .errors import BadInput
from .graph import Graph, GraphOperator
from .tasks.segmentation import mask_kind

PLACEHOLDERS = ("???", "n/a", "background", "unlabeled", "none", "")
"""What lists of labels have, in small letters, in the place of a class that a detector does not number."""
PASSING = ("QUANTIZE", "DEQUANTIZE", "RESHAPE", "SQUEEZE", "CAST")
"""Operators that leave values what they are."""


def count_classes(flatbuffer: bytes, graph: Graph, task: Task) -> int | None:
    """Classes by what the graph shows; None where it does not, and for other tasks. Raises BadModel."""
    if task == "detection":
        return class_count(flatbuffer)
    if task != "segmentation" or not graph.outputs:
        return None
    spec = graph.output_specs[0]
    kind = mask_kind(spec)
    if kind == "classes":
        operator = producer(graph)
        found = operator is not None and operator.name == "ARG_MAX" and operator.inputs
        shape = graph.tensors[operator.inputs[0]].spec.shape if operator is not None and found else ()
        return shape[-1] if shape and shape[-1] > 1 else None
    return spec.shape[-1] if kind == "scores" else 2


def fit_labels(labels: tuple[str, ...], classes: int | None, task: Task) -> tuple[str, ...]:
    """Labels as a model numbers its classes: without a remark below them, without a first one that is no class."""
    if classes is None:
        return labels
    if len(labels) > classes and not labels[classes]:
        return labels[:classes]
    if task == "detection" and len(labels) == classes + 1 and labels[0].lower() in PLACEHOLDERS:
        return labels[1:]
    return labels


def refuse_count(labels: Sequence[str], classes: int | None) -> None:
    """Raises BadInput where a list of labels is not of a model with so many classes."""
    if labels and classes is not None and len(labels) != classes:
        raise BadInput(f"there are {len(labels)} labels, but the model has {classes} classes; give one label a class")


def producer(graph: Graph) -> GraphOperator | None:
    """The operator that makes what the first output holds, None for a graph without."""
    operator = graph.producer(graph.outputs[0]) if graph.outputs else None
    for _ in graph.operators:  # not "while": the operators of a damaged file may lead in a circle
        if operator is not None and operator.name in PASSING and operator.inputs:
            operator = graph.producer(operator.inputs[0])
    return operator
