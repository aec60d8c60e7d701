"""Check whether other tools accept a model file as it is, from the file alone, without running anything.

MediaPipe Tasks: what version 1.2.2 accepted and refused in tests. ML Kit: its documented requirements for custom models,
which are those of MediaPipe's ImageClassifier. tflite-runtime 2.14: the operators that it reports.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ..errors import BadModel
from ..model_file.card_from_metadata import find_task
from ..model_file.detector import detector_layouts
from ..model_file.model_file import ModelFile
from ..output_layouts.registry import OPERATOR_LAYOUT
from ..preprocessing.transform import takes_bytes
from ..tflite.detection_op import DETECTION_OPERATOR
from ..tflite.graph import Graph
from ..tflite.schema import OPERATORS
from ..types import Task
from .runtime_ops import unknown_operators

MEDIAPIPE_TASKS: dict[Task, str] = {
    "classification": "ImageClassifier",
    "multilabel": "ImageClassifier",
    "detection": "ObjectDetector",
    "segmentation": "ImageSegmenter",
    "embedding": "ImageEmbedder",
}
OUTPUT_TYPES: dict[Task, tuple[str, ...]] = {"segmentation": ("uint8", "int8", "float32")}
"""Accepted output types by task; uint8 and float32 for all other tasks."""


@dataclass(frozen=True, slots=True)
class ToolCompatibility:
    """Whether one tool accepts a file."""

    ok: bool
    reason: str | None
    """Why the tool refuses the file; None if it accepts it."""
    notes: tuple[str, ...] = ()
    """How an accepted file behaves differently there."""

    def to_json(self) -> dict[str, Any]:
        """Return the result as JSON values."""
        return {"ok": self.ok, "reason": self.reason, "notes": list(self.notes)}


@dataclass(frozen=True, slots=True)
class Compatibility:
    """Whether each tool accepts a file."""

    mediapipe: ToolCompatibility
    mlkit: ToolCompatibility
    tflite_runtime: ToolCompatibility

    def to_json(self) -> dict[str, Any]:
        """Return the results as JSON values."""
        return {name: getattr(self, name).to_json() for name in ("mediapipe", "mlkit", "tflite_runtime")}


def judge(file: ModelFile) -> Compatibility:
    """Check a file against all tools. Raises BadModel for a damaged graph."""
    graph = file.graph()
    task = file.card.task if file.card is not None else find_task(file, graph)
    return Compatibility(_mediapipe(file, graph, task), _mlkit(file, graph, task), _tflite_runtime(graph))


def _mediapipe(file: ModelFile, graph: Graph, task: Task | None) -> ToolCompatibility:
    if task is None:
        return ToolCompatibility(False, "the task cannot be inferred from the model's outputs")
    if task not in MEDIAPIPE_TASKS:
        return ToolCompatibility(False, f"it has no task for models of {task}")
    reasons = [*_operators(graph), *_input(file), *_output(file, task)]
    return _verdict(reasons, (f"opens as {MEDIAPIPE_TASKS[task]}", *_differences(file, task)))


def _mlkit(file: ModelFile, graph: Graph, task: Task | None) -> ToolCompatibility:
    if task not in ("classification", "multilabel"):
        what = "the model's outputs are not class scores" if task is None else f"this model is for {task}"
        return ToolCompatibility(False, f"only classifiers are supported, but {what}")
    return _verdict([*_operators(graph), *_input(file), *_output(file, task)], tuple(_differences(file, task)))


def _tflite_runtime(graph: Graph) -> ToolCompatibility:
    unknown = unknown_operators(graph)
    reasons = [f"version 2.14 does not support {', '.join(unknown)}"] if unknown else []
    return _verdict(reasons, ("needs Python 3.11 or older and numpy 1",))


def _verdict(reasons: list[str], notes: tuple[str, ...]) -> ToolCompatibility:
    return ToolCompatibility(False, "; ".join(reasons)) if reasons else ToolCompatibility(True, None, notes)


def _operators(graph: Graph) -> Iterator[str]:
    foreign = {op.name for op in graph.operators if op.custom and op.name != DETECTION_OPERATOR}
    foreign |= {op.name for op in graph.operators if not op.custom and op.name not in OPERATORS}
    if foreign:
        yield f"unsupported operator: {', '.join(sorted(foreign))}"


def _input(file: ModelFile) -> Iterator[str]:
    if len(file.inputs) != 1:
        yield f"expected exactly one image input, got {len(file.inputs)}"
        return
    spec = file.inputs[0]
    if spec.dtype not in ("uint8", "float32"):
        yield f"{spec.dtype} inputs are not supported; convert with a uint8 input"
    if len(spec.shape) != 4 or spec.shape[0] not in (1, -1):
        yield f"expected an input for one image at a time, got shape {list(spec.shape)}"
    elif spec.shape[3] != 3:
        yield f"expected an RGB input, got {spec.shape[3]} channel{'s' if spec.shape[3] != 1 else ''}"
    else:
        yield from _colours(file)
    if spec.dtype == "float32":
        yield from _normalization(file)
    elif spec.dtype == "uint8" and file.card is not None and not takes_bytes(file.card.preprocessing, spec):
        yield "image bytes go into the input unchanged there, but this model's preprocessing scales them"


def _colours(file: ModelFile) -> Iterator[str]:
    found = file.metadata.inputs[0] if file.metadata is not None and file.metadata.inputs else None
    if found is not None and found.content == "image" and found.color_space != "RGB":
        order = file.card.preprocessing.order if file.card is not None else "another color space"
        yield f"expected an RGB input, but this model takes {order}"


def _normalization(file: ModelFile) -> Iterator[str]:
    unit = file.metadata.inputs[0].normalization if file.metadata is not None and file.metadata.inputs else None
    if unit is None:
        yield "a float input needs a normalization in the metadata"
    elif len(set(unit.mean)) > 1 or len(set(unit.std)) > 1:
        yield "expected one mean and std for all channels, but this model has one per channel"


def _output(file: ModelFile, task: Task) -> Iterator[str]:
    types = OUTPUT_TYPES.get(task, ("uint8", "float32"))
    for spec in file.outputs:
        if spec.dtype not in types:
            yield f"{spec.dtype} outputs are not supported for {task}"
    if task == "detection" and all(layout.name != OPERATOR_LAYOUT for layout in detector_layouts(file)):
        yield f"a detector must end in {DETECTION_OPERATOR}, but this one returns raw boxes"
    elif task == "detection" and file.metadata is None:
        yield "a detector's outputs need metadata"
    if task in ("classification", "multilabel"):
        yield from _scores(file)


def _scores(file: ModelFile) -> Iterator[str]:
    """Check that a classifier has one list of scores, with one label per score or no labels at all."""
    if len(file.outputs) != 1:
        yield f"expected exactly one output with scores, got {len(file.outputs)} outputs"
        return
    shape = file.outputs[0].shape
    if len(shape) not in (2, 4) or any(n != 1 for n in shape[1:-1]):
        yield f"expected scores of shape [1, classes], got {list(shape)}"
        return
    try:
        labels = len(file.labels)
    except BadModel as error:
        yield str(error).removeprefix(f"{file.path}: ")
        return
    if labels not in (0, shape[-1]):
        single = "; a binary classifier needs two scores instead of one" if (shape[-1], labels) == (1, 2) else ""
        yield f"expected one label per score, got {labels} labels for {shape[-1]}{single}"


def _differences(file: ModelFile, task: Task) -> Iterator[str]:
    """Say how an accepted file behaves differently there."""
    if file.card is not None and file.card.preprocessing.resize != "stretch":
        yield f"stretches the whole image, while this model's preprocessing uses {file.card.preprocessing.resize}"
    if task in ("classification", "multilabel"):
        if not file.labels:
            yield "returns class numbers, because the file has no labels"
        if file.card is not None and file.card.activation in ("logits", "sigmoid_logits"):
            yield "returns raw outputs as scores, not 0 to 1"
