"""tiny.tflite with something about it changed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

TINY = (Path(__file__).resolve().parent.parent / "data" / "tiny.tflite").read_bytes()


def changed(change: Callable[[Any], None]) -> bytes:
    """The tiny model, changed through the public schema."""
    flatbuffers = pytest.importorskip("flatbuffers")
    schema = pytest.importorskip("ai_edge_litert.schema_py_generated")
    model = schema.ModelT.InitFromPackedBuf(TINY, 0)
    change(model)
    builder = flatbuffers.Builder(4096)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def without_evidence() -> bytes:
    """The tiny model with an input whose scale shows no preprocessing."""

    def change(model: Any) -> None:
        graph = model.subgraphs[0]
        quantization = graph.tensors[graph.inputs[0]].quantization
        quantization.scale, quantization.zeroPoint = np.array([0.01157], np.float32), np.array([123])

    return changed(change)
