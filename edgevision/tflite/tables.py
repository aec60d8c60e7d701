"""The few parts of a TFLite flatbuffer that every start reads: inputs, outputs and the standard metadata."""

from __future__ import annotations

from ..errors import BadModel
from ..types import TensorSpec
from .flatbuffer import Table, root
from .schema import (
    IDENTIFIER,
    METADATA_NAME,
    TYPES,
    Buffer,
    MetadataEntry,
    Model,
    Quantization,
    SignatureDef,
    SubGraph,
    Tensor,
)

MAX_NAME = 10_000
"""Longest name of a tensor (characters); of a longer one, only the start is read."""
SERVING = "serving_default"
"""Name of the signature that TensorFlow gives to the inference of a model."""


def open_flatbuffer(flatbuffer: bytes) -> Table:
    """Return the root table of a model. Raises BadModel."""
    return root(flatbuffer, IDENTIFIER, "the model")


def main_graph(model: Table) -> Table:
    """Return the main subgraph of a model, the one that is run. Raises BadModel."""
    if model.count(Model.SUBGRAPHS) == 0:
        raise BadModel("the model is empty: it contains no graph")
    return model.element(Model.SUBGRAPHS, main_index(model))


def main_index(model: Table) -> int:
    """Return the number of the subgraph that is run: of the signature serving_default, else the first. Raises BadModel."""
    count = model.count(Model.SUBGRAPHS)
    if count <= 1:
        return 0
    index = next((graph for name, graph in read_signatures(model) if name == SERVING), 0)
    if index >= count:
        raise BadModel(f"the model is damaged: the signature {SERVING} refers to graph {index} of {count}")
    return index


def read_signatures(model: Table) -> list[tuple[str, int]]:
    """Return the name of each signature and the number of its subgraph. Raises BadModel."""
    signatures = model.tables(Model.SIGNATURE_DEFS)
    return [(one.text(SignatureDef.KEY), one.integer(SignatureDef.SUBGRAPH, "I")) for one in signatures]


def io_specs(model: Table) -> tuple[tuple[TensorSpec, ...], tuple[TensorSpec, ...]]:
    """Return the inputs and the outputs without reading the rest of the model. Raises BadModel."""
    graph = main_graph(model)
    found = [
        tuple(tensor_spec(graph.element(SubGraph.TENSORS, index)) for index in graph.integers(number, "i"))
        for number in (SubGraph.INPUTS, SubGraph.OUTPUTS)
    ]
    return found[0], found[1]


def tensor_spec(table: Table) -> TensorSpec:
    """Return the description of a tensor; dimensions that are not fixed are -1."""
    shape = table.integers(Tensor.SHAPE, "i")
    signature = table.integers(Tensor.SHAPE_SIGNATURE, "i")
    number = table.integer(Tensor.TYPE, "b")
    quantization = table.table(Tensor.QUANTIZATION)
    scale, zero_point = _quantization(quantization) if quantization else (0.0, 0)
    return TensorSpec(
        name=table.text(Tensor.NAME)[:MAX_NAME],
        shape=signature if len(signature) == len(shape) else shape,
        dtype=TYPES[number] if 0 <= number < len(TYPES) else f"type_{number}",
        scale=scale,
        zero_point=zero_point,
    )


def buffer_data(buffer: Table) -> memoryview:
    """Return the content of a buffer, in it or behind the flatbuffer. Raises BadModel."""
    start = buffer.integer(Buffer.OFFSET, "Q")
    return buffer.raw(Buffer.DATA) if start <= 1 else buffer.elsewhere(start, buffer.integer(Buffer.SIZE, "Q"))


def metadata_index(model: Table) -> int | None:
    """Return the number of the buffer that holds the standard metadata, None if there is none."""
    for entry in model.tables(Model.METADATA):
        if entry.text(MetadataEntry.NAME) == METADATA_NAME:
            return entry.integer(MetadataEntry.BUFFER, "I")
    return None


def metadata_bytes(model: Table) -> bytes | None:
    """Return the standard metadata as a separate flatbuffer, None if there is none. Raises BadModel."""
    index = metadata_index(model)
    return None if index is None else bytes(buffer_data(model.element(Model.BUFFERS, index)))


def _quantization(table: Table) -> tuple[float, int]:
    """Return scale and zero point of a tensor quantized per tensor, else zeros."""
    if table.count(Quantization.SCALE) != 1:
        return 0.0, 0
    zeros = table.integers(Quantization.ZERO_POINT, "q") if table.count(Quantization.ZERO_POINT, 8) == 1 else (0,)
    return table.reals(Quantization.SCALE)[0], zeros[0]
