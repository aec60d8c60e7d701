"""A flatbuffer as the objects of the schema's generated code (the object API), and back.

LiteRT brings that code. It trusts what it reads, and drops fields that are newer than itself: only for files that the strict
reader passed, and where the whole file is written again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import flatbuffers
import numpy as np

from ..errors import MissingDependency
from .schema import IDENTIFIER

if TYPE_CHECKING:
    from collections.abc import Iterable

DATA_ALIGN = 16
"""Alignment of a buffer's data that the schema requires (bytes)."""


def schema() -> Any:
    """Return the generated code of the schema. Raises MissingDependency."""
    try:
        from ai_edge_litert import schema_py_generated
    except ImportError:
        raise MissingDependency(
            "the TFLite schema is not installed; install it with: pip install ai-edge-litert"
        ) from None
    return schema_py_generated


def unpack(flatbuffer: bytes) -> Any:
    """Return the ModelT of a flatbuffer, weights behind it included. Raises MissingDependency."""
    model = schema().ModelT.InitFromPackedBuf(flatbuffer, 0)
    for buffer in model.buffers:
        if buffer.offset > 1:  # weights behind the flatbuffer
            buffer.data = np.frombuffer(flatbuffer, np.uint8)[buffer.offset : buffer.offset + buffer.size]
            buffer.offset = buffer.size = 0
    for graph in model.subgraphs:
        graph.operators = graph.operators if graph.operators is not None else []
        graph.inputs, graph.outputs = numbers(graph.inputs), numbers(graph.outputs)
    return model


def pack(model: Any, compact: bool = False) -> bytes:
    """Return a ModelT as a flatbuffer; ``compact``: equal vectors are stored once, for readers that change nothing."""
    builder = _CompactBuilder() if compact else _Builder()
    builder.Finish(model.Pack(builder), IDENTIFIER)
    return bytes(builder.Output())


def numbers(vector: Iterable[Any] | None) -> list[int]:
    """Return a vector of tensor numbers, which is None in a file that leaves it out."""
    return [] if vector is None else [int(number) for number in vector]


class _Builder(flatbuffers.Builder):  # type: ignore[misc]  # flatbuffers has no types
    """A builder that aligns the data of buffers, which the generated code does not."""

    def __init__(self) -> None:
        super().__init__(1 << 20)

    def CreateNumpyVector(self, x: Any) -> Any:
        if x.dtype == np.uint8:
            self.Prep(DATA_ALIGN, x.nbytes)
        return super().CreateNumpyVector(x)


class _CompactBuilder(_Builder):
    """A builder that stores equal vectors once.

    The zero points of weights are a vector of 64-bit zeros for each layer: a sixth of a small model.
    """

    def __init__(self) -> None:
        super().__init__()
        self._vectors: dict[tuple[str, bytes], Any] = {}

    def CreateNumpyVector(self, x: Any) -> Any:
        key = (x.dtype.str, x.tobytes())
        if key not in self._vectors:
            self._vectors[key] = super().CreateNumpyVector(x)
        return self._vectors[key]
