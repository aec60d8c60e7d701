"""Report section on compatibility with MediaPipe, ML Kit, Android, tflite-runtime and the Edge TPU."""

from __future__ import annotations

from edgevision.inspection.compatibility import ToolCompatibility
from edgevision.inspection.edgetpu_support import readiness
from edgevision.model_file.card import LABELS
from edgevision.reporting import html
from edgevision.reporting.html import Html
from edgevision.types import TensorSpec

from ..shared_record import ConversionRecord

DETECTION_OUTPUTS = (
    "boxes: y0, x0, y1, x1, as a share of the input's sides, best first",
    "class of each box",
    "score of each box",
    "number of boxes",
)
"""Meaning of the outputs of TFLite_Detection_PostProcess."""


def other_tools(report: ConversionRecord) -> Html:
    """Return the section: one line per tool, then the inputs and outputs for a program on Android."""
    found = report.compatibility
    named = [
        ("MediaPipe Tasks", found.mediapipe),
        ("ML Kit", found.mlkit),
        ("tflite-runtime 2.14", found.tflite_runtime),
        ("Edge TPU", _edgetpu(report)),
    ]
    tools = html.tag("ul", html.join(_tool(name, verdict) for name, verdict in named), "tools")
    interface = html.table(["", ""], _interface(report), plain=True)
    note = (
        "Checked from the file alone. MediaPipe: what version 1.2.2 accepted in tests. ML Kit: its documented "
        "requirements. tflite-runtime: the operators it supports."
    )
    return html.section("Compatibility", tools, interface, note=note)


def _tool(name: str, verdict: ToolCompatibility) -> Html:
    lines = [verdict.reason] if verdict.reason else list(verdict.notes)
    said = html.join(html.tag("small", html.text(line)) for line in lines)
    return html.tag("li", html.join([html.text(name), said]), "good" if verdict.ok else "warn")


def _edgetpu(report: ConversionRecord) -> ToolCompatibility:
    made = report.edgetpu
    if made is not None and made.problem is not None:
        return ToolCompatibility(False, f"not compiled: {made.problem}")
    if made is not None:
        left = tuple(f"on the CPU: {one.count} {one.name}: {one.reason}" for one in made.operators if not one.edgetpu)
        return ToolCompatibility(True, None, (f"compiled: runs {100 * made.mapped:.1f} % of the operators", *left))
    found = readiness(report.graph)
    if not found.ready:
        return ToolCompatibility(False, "; ".join(found.reasons))
    return ToolCompatibility(True, None, ("ready for the compiler; only the compiler can tell how much of it maps",))


def _interface(report: ConversionRecord) -> list[list[str]]:
    """Return the inputs and outputs as Android Studio shows them, for a program that calls the interpreter itself."""
    rows = [
        ["input", f"{_tensor(spec)}: {report.card.preprocessing.order} bytes, 0 to 255"]
        for spec in report.graph.input_specs
    ]
    rows += [
        ["output", f"{_tensor(spec)}: {_meaning(n, spec, report)}"] for n, spec in enumerate(report.graph.output_specs)
    ]
    labels = f"{len(report.card.labels)} lines in {LABELS}, inside the file" if report.card.labels else "none"
    return [*rows, ["labels", labels], ["metadata", "standard TFLite metadata: name, normalization, labels"]]


def _tensor(spec: TensorSpec) -> str:
    return f"{spec.dtype} [{', '.join(map(str, spec.shape))}]"


def _meaning(number: int, spec: TensorSpec, report: ConversionRecord) -> str:
    if report.card.task == "detection":
        return DETECTION_OUTPUTS[number] if number < len(DETECTION_OUTPUTS) else "not used"
    embedding = report.card.embedding
    what = "feature" if embedding is not None and embedding.output == number else "score"
    each = "used by edgevision teach to learn new classes" if what == "feature" else "one per class"
    if report.card.task == "points":
        each = "one per cell for the background and each class"
    if not spec.quantized:
        return f"{what}s, {each}"
    offset = f" - {spec.zero_point}" if spec.zero_point > 0 else f" + {-spec.zero_point}" if spec.zero_point else ""
    value = f"(value{offset})" if offset else "value"
    return f"{what} = {value} * {spec.scale:.6g}, {each}"
