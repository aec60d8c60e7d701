"""Small models with the tensors of other makers' files. They run: the scores follow from the mean color of the image."""

from __future__ import annotations

import runpy
from typing import Any

import numpy as np
from locations import TESTS

Shape = tuple[int, ...]


class Input:
    """The input of a model."""

    def __init__(
        self, name: str, shape: Shape, dtype: str = "float32", scale: float = 0.0, zero_point: int = 0
    ) -> None:
        self.name, self.shape, self.dtype, self.scale, self.zero_point = name, shape, dtype, scale, zero_point


def builder() -> Any:
    """Return an empty graph of tests/data/make_small_graphs.py."""
    return runpy.run_path(str(TESTS / "data" / "make_small_graphs.py"))["Graph"]()


def classifier(given: Input, classes: int = 3, hidden: Shape = (), softmax: bool = True, factor: float = 0.0) -> bytes:
    """Return a classifier of the mean color.

    ``hidden``: number of features and units of a dense layer before the last one. ``factor``: with which the graph itself
    multiplies its input first.
    """
    from ai_edge_litert import schema_py_generated as schema

    graph = builder()
    image = graph.tensor(given.name, given.shape, given.dtype, given.scale, zero_point=given.zero_point)
    last = image
    if given.scale:
        last = graph.tensor("real", given.shape, "float32")
        graph.operator("DEQUANTIZE", [image], [last])
    if factor:
        value = graph.tensor("factor", (), "float32", content=np.array(factor, np.float32))
        scaled = graph.tensor("scaled", given.shape, "float32")
        graph.operator("MUL", [last, value], [scaled], schema.MulOptionsT())
        last = scaled
    axes = graph.tensor("axes", (2,), "int32", content=np.array([1, 2]))
    mean = graph.tensor("mean", (1, given.shape[3]), "float32")
    graph.operator("MEAN", [last, axes], [mean], schema.ReducerOptionsT())
    last = _dense(graph, mean, given.shape[3], hidden, classes)
    if softmax:
        scores = graph.tensor("scores", (1, classes), "float32")
        options = schema.SoftmaxOptionsT()
        options.beta = 1.0
        graph.operator("SOFTMAX", [last], [scores], options)
        last = scores
    return bytes(graph.build([image], [last]))


def _dense(graph: Any, mean: int, channels: int, hidden: Shape, classes: int) -> int:
    """Add the dense layers; each passes the first values on."""
    from ai_edge_litert import schema_py_generated as schema

    last, size = mean, channels
    if hidden:
        padding = graph.tensor("padding", (2, 2), "int32", content=np.array([[0, 0], [0, hidden[0] - channels]]))
        last, size = graph.tensor("padded", (1, hidden[0]), "float32"), hidden[0]
        graph.operator("PAD", [mean, padding], [last], schema.PadOptionsT())
    for number, units in enumerate((*hidden[1:], classes)):
        weights = graph.tensor(f"weights{number}", (units, size), "float32", content=np.eye(units, size))
        made = graph.tensor(f"dense{number}", (1, units), "float32")
        graph.operator("FULLY_CONNECTED", [last, weights], [made], schema.FullyConnectedOptionsT())
        last, size = made, units
    return last


def with_outputs(given: Input, outputs: dict[str, Shape]) -> bytes:
    """Return a model that cannot run, with outputs of these names and shapes."""
    graph = builder()
    image = graph.tensor(given.name, given.shape, given.dtype, given.scale, zero_point=given.zero_point)
    made = [graph.tensor(name, shape, "float32") for name, shape in outputs.items()]
    graph.operator("CONV_2D", [image], made)
    return bytes(graph.build([image], made))
