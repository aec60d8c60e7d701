"""The range of each activation, as its quantization has it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edgevision import chart, html
from edgevision.graph import Graph
from edgevision.html import Html
from edgevision.tensors import TensorSpec

from ..report import ConvertReport

STORED = ("int8", "uint8", "int16")


@dataclass(frozen=True, slots=True)
class Range:
    """What one tensor can hold."""

    name: str
    operator: str
    """That makes it; ``input`` where none does."""
    low: float
    high: float
    step: float


def ranges(report: ConvertReport) -> Html:
    """A plot in the order of computation, and the numbers folded away."""
    found = activation_ranges(report.graph)
    if not found:
        return html.NOTHING
    rows = [[one.name, one.operator, f"{one.low:.4g}", f"{one.high:.4g}", f"{one.step:.3g}"] for one in found]
    table = html.table(["tensor", "<operator", "smallest", "largest", "step"], rows)
    note = (
        "The real values that each activation can take, in the order of computation. "
        "A range that is wide for what is in it leaves few steps for the rest."
    )
    plot = chart.spans([(one.low, one.high) for one in found], "")
    return html.section("Activation ranges", plot, html.details(f"All {len(found)} tensors", table), note=note)


def activation_ranges(graph: Graph) -> list[Range]:
    """Of all tensors that are computed, or fed."""
    made = [(n, "input") for n in graph.inputs] + [(n, op.name) for op in graph.operators for n in op.outputs]
    return [
        _range(graph.tensors[number].spec, operator)
        for number, operator in made
        if graph.tensors[number].spec.quantized and graph.tensors[number].spec.dtype in STORED
    ]


def _range(spec: TensorSpec, operator: str) -> Range:
    limits = np.iinfo(spec.dtype)
    low, high = (spec.scale * (end - spec.zero_point) for end in (int(limits.min), int(limits.max)))
    return Range(_short(spec.name), operator, low, high, spec.scale)


def _short(name: str) -> str:
    """A fused tensor has the names of all it was fused from; the last says what it is."""
    return name.rstrip(";").split(";")[-1] or name
