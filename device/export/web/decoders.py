"""Which decoder of the page reads a model's outputs, and which output holds what."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from edgevision.errors import BadModel
from edgevision.model_file.detector import output_view
from edgevision.output_layouts.registry import OPERATOR_LAYOUT, open_layout
from edgevision.postprocessing import detection, score_calibration, segmentation
from edgevision.tflite.detection_outputs import find_outputs
from edgevision.tflite.outputs import mask_kind

if TYPE_CHECKING:
    from edgevision.model import Model
    from edgevision.model_file.model_file import ModelFile

INPUT_TYPES, OUTPUT_TYPES = ("uint8", "float32"), ("uint8", "float32", "int32", "int64")
"""Types that LiteRT.js takes and returns; int64 is changed to int32 before (``browser_model.py``)."""


def decoder_facts(file: ModelFile, model: Model) -> dict[str, Any]:
    """Return the kind of decoder, what it has to know, and the default threshold. Raises BadModel."""
    task = model.card.task
    if task not in _DECODERS:
        raise BadModel(
            f"{file.path}: --to web exports classifiers, detectors and segmenters, but this is a model for {task}; "
            "run it with edgevision run"
        )
    _refuse_types(file, model)
    facts = _DECODERS[task](file, model)
    if score_calibration.find(file.metadata, file.files) is not None:
        raise BadModel(
            f"{file.path}: --to web cannot apply the score calibration in its metadata; export the model without it"
        )
    return facts


def default_threshold(model: Model) -> float:
    """Return the threshold that the page starts with: the model's own, else that of ``edgevision run``."""
    if model.card.threshold is not None:
        return model.card.threshold
    defaults = {"detection": detection.DEFAULT_THRESHOLD, "segmentation": segmentation.FOREGROUND}
    return defaults.get(model.card.task, 0.0)


def _refuse_types(file: ModelFile, model: Model) -> None:
    spec = file.inputs[0]
    if spec.dtype not in INPUT_TYPES:
        raise BadModel(
            f"{file.path}: browsers' runtime takes images as {' or '.join(INPUT_TYPES)}, but the input is {spec.dtype}; "
            "convert the model again, by default with uint8 images"
        )
    used = model.outputs if model.card.task == "detection" else model.outputs[:1]
    for output in used:
        if output.dtype not in OUTPUT_TYPES:
            raise BadModel(
                f"{file.path}: browsers' runtime returns {', '.join(OUTPUT_TYPES[:3])}, but the output {output.name[:60]} is "
                f"{output.dtype}; convert the model again, by default with uint8 scores"
            )


def _classification(file: ModelFile, model: Model) -> dict[str, Any]:
    return {"kind": "classification"}


def _detection(file: ModelFile, model: Model) -> dict[str, Any]:
    view = output_view(file, len(model.card.labels))
    assert view is not None  # a model without an image input does not open
    detector = model.card.detector
    layout = open_layout(view, detector.layout if detector else None)
    if layout.name != OPERATOR_LAYOUT:
        raise BadModel(
            f"{file.path}: --to web reads detectors that end in TFLite_Detection_PostProcess, but this one has the output "
            f"layout {layout.name}; run it with edgevision run"
        )
    where = find_outputs(view.outputs, view.facts)
    box = where.box
    return {
        "kind": "detection",
        "boxes": where.boxes,
        "classes": where.classes,
        "scores": where.scores,
        "count": where.count,
        "box": {"order": list(box.index or (0, 1, 2, 3)), "type": box.type, "pixels": box.pixels},
    }


def _segmentation(file: ModelFile, model: Model) -> dict[str, Any]:
    spec = model.outputs[0]
    height, width = spec.shape[1:3]
    return {"kind": "segmentation", "mask": mask_kind(spec), "width": width, "height": height}


_DECODERS: dict[str, Callable[[ModelFile, Model], dict[str, Any]]] = {
    "classification": _classification,
    "multilabel": _classification,
    "detection": _detection,
    "segmentation": _segmentation,
}
"""Task -> the function that describes its decoder."""
