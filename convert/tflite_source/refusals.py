"""Which .tflite files cannot be the source of a conversion, and what to do instead."""

from __future__ import annotations

from edgevision.errors import BadModel
from edgevision.model_file.model_file import ModelFile
from edgevision.tflite.graph import Graph, GraphTensor, subgraph_count
from edgevision.tflite.schema import COMPILED_OPERATOR

STORED = ("int4", "uint4", "int8", "uint8", "int16", "uint16")
"""Types that hold quantized values."""
ADVICE = "give the float .tflite (float32 or float16) of the same network, or the model that it was made from"


def refuse_quantized(file: ModelFile, graph: Graph) -> None:
    """Raise BadModel for a file that is not a float network of one graph."""
    path = file.path
    if any(op.name == COMPILED_OPERATOR for op in graph.operators):
        raise BadModel(f"{path} is compiled for the Edge TPU; {ADVICE}")
    computed = {tensor for op in graph.operators for tensor in op.outputs} | set(graph.inputs)
    if any(graph.tensors[number].spec.dtype in STORED for number in computed):
        raise BadModel(
            f"{path} is quantized already, and its float weights are lost; run it as it is (edgevision run {path} ...), "
            f"or {ADVICE}"
        )
    weights = next((one for one in graph.tensors if _is_quantized(one)), None)
    if weights is not None:
        raise BadModel(
            f"{path} has {weights.spec.dtype} weights already ({weights.spec.name[:60]}: dynamic-range quantization), and "
            f"rounding them twice loses accuracy; {ADVICE}"
        )
    parts = subgraph_count(file.flatbuffer)
    if parts > 1:
        inner = sorted(
            {op.name for op in graph.operators if op.name in ("IF", "WHILE") or op.name.startswith("STABLEHLO")}
        )
        raise BadModel(
            f"{path} has {parts} graphs ({', '.join(inner) or 'several signatures'}), expected one; "
            "export it with one signature and without loops, conditions and composite operators"
        )


def _is_quantized(tensor: GraphTensor) -> bool:
    return (
        bool(tensor.parameter_bytes) and tensor.spec.dtype in STORED and (tensor.spec.quantized or tensor.per_channel)
    )
