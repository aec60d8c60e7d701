"""Make a stand-in for tiny.tflite as compiled for the Edge TPU: python tests/data/make_compiled.py

tiny_edgetpu.tflite has the inputs and outputs of tiny.tflite and a single edgetpu-custom-op. Only the fake library in
tests/delegate runs it.
"""

from __future__ import annotations

import sys
from pathlib import Path

from ai_edge_litert import schema_py_generated as schema

from edgevision.tflite.tables import io_specs, open_flatbuffer

FOLDER = Path(__file__).resolve().parent
sys.path.insert(0, str(FOLDER))

from make_small_graphs import TYPES, Graph


def make(ordinary: Path) -> bytes:
    """Return a compiled model with the inputs and outputs of an ordinary one."""
    inputs, outputs = io_specs(open_flatbuffer(ordinary.read_bytes()))
    graph = Graph()
    ends = []
    for spec in (*inputs, *outputs):
        number = graph.tensor(spec.name, spec.shape, spec.dtype)
        quantization = schema.QuantizationParametersT()
        quantization.scale, quantization.zeroPoint = [spec.scale], [spec.zero_point]
        graph.main.tensors[number].quantization = quantization
        ends.append(number)
    first, last = ends[: len(inputs)], ends[len(inputs) :]
    graph.operator("edgetpu-custom-op", first, last, custom=b"\0" * 16)
    assert set(TYPES) >= {spec.dtype for spec in (*inputs, *outputs)}
    return graph.build(first, last)


if __name__ == "__main__":
    (FOLDER / "tiny_edgetpu.tflite").write_bytes(make(FOLDER / "tiny.tflite"))
