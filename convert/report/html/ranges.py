"""Report section with the range of each activation, from its quantization parameters."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edgevision.reporting import charts, html
from edgevision.reporting.html import Html
from edgevision.tflite.graph import Graph
from edgevision.types import TensorSpec

from ..shared_record import ConversionRecord

STORED = ("int8", "uint8", "int16")


@dataclass(frozen=True, slots=True)
class Range:
    """Range of real values that one quantized tensor can hold."""

    name: str
    operator: str
    """Operator that computes the tensor, or ``input``."""
    low: float
    high: float
    step: float


def ranges(report: ConversionRecord) -> Html:
    """Return the section: a plot in execution order, and the numbers in a collapsed table."""
    found = activation_ranges(report.graph)
    if not found:
        return html.NOTHING
    rows = [[one.name, one.operator, f"{one.low:.4g}", f"{one.high:.4g}", f"{one.step:.3g}"] for one in found]
    table = html.table(["tensor", "<operator", "smallest", "largest", "step"], rows)
    note = (
        "Range of real values of each activation, in execution order. "
        "If a range is much wider than most of its values, few steps are left for them."
    )
    plot = charts.spans([(one.low, one.high) for one in found], "")
    return html.section("Activation ranges", plot, html.details(f"All {len(found)} tensors", table), note=note)


def activation_ranges(graph: Graph) -> list[Range]:
    """Return the ranges of all quantized inputs and computed tensors."""
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
    """Return the last name of a fused tensor, which lists the names of all tensors fused into it."""
    return name.rstrip(";").split(";")[-1] or name
