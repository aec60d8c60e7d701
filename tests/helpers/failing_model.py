"""A model that runs on a gray image, so that an installation accepts it, and fails on every bright one."""

from __future__ import annotations

import numpy as np
from foreign_models import builder


def fails_on_bright_images() -> bytes:
    """Return a classifier of three labels; a channel above 0.53 of its range ends in a GATHER beyond its table."""
    from ai_edge_litert import schema_py_generated as schema

    graph = builder()
    image = graph.tensor("image", (1, 8, 8, 3), "uint8", 1 / 255)
    real = graph.tensor("real", (1, 8, 8, 3), "float32")
    axes = graph.tensor("axes", (4,), "int32", content=np.arange(4))
    peak, scaled = (graph.tensor(name, (1, 1, 1, 1), "float32") for name in ("peak", "scaled"))
    factor = graph.tensor("factor", (1,), "float32", content=np.array([1.9]))
    row = graph.tensor("row", (1, 1, 1, 1), "int32")
    shape = graph.tensor("shape", (1,), "int32", content=np.array([1]))
    index = graph.tensor("index", (1,), "int32")
    table = graph.tensor("table", (1, 3), "float32", content=np.array([[0.2, 0.3, 0.5]]))
    scores = graph.tensor("scores", (1, 3), "float32")
    graph.operator("DEQUANTIZE", [image], [real])
    keep, flat = schema.ReducerOptionsT(), schema.ReshapeOptionsT()
    keep.keepDims, flat.newShape = True, [1]
    graph.operator("REDUCE_MAX", [real, axes], [peak], keep)
    graph.operator("MUL", [peak, factor], [scaled], schema.MulOptionsT())
    graph.operator("CAST", [scaled], [row])
    graph.operator("RESHAPE", [row, shape], [index], flat)
    graph.operator("GATHER", [table, index], [scores], schema.GatherOptionsT())
    return bytes(graph.build([image], [scores]))
