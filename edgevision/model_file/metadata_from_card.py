"""Make standard metadata from a model card, so that our files open in MediaPipe Tasks, ML Kit and Android Studio."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ..output_layouts.registry import OPERATOR_LAYOUT
from ..preprocessing.spec import Preprocessing
from ..tflite.detection_outputs import ROLES, DetectionOutputs, find_outputs, roles_by_metadata
from ..tflite.metadata import AssociatedFile, ColorSpace, Metadata, ProcessUnit, TensorMetadata
from ..tflite.outputs import OutputFacts
from ..types import TensorSpec
from .card import LABELS, ModelCard

LABEL_KINDS = ("axis_labels", "value_labels")
MEDIAPIPE_NAMES = {"boxes": "location", "classes": "category", "scores": "score", "count": "number of detections"}
COLOR: dict[str, ColorSpace | None] = {
    "RGB": "RGB",
    "GRAY": "GRAY",
    # The format has no name for BGR; "unknown" keeps other tools from silently feeding RGB.
    "BGR": None,
}


def metadata_for(
    card: ModelCard,
    inputs: Sequence[TensorSpec],
    outputs: Sequence[TensorSpec],
    base: Metadata | None,
    files: frozenset[str],
    operator_outputs: tuple[int | None, ...] = (),
) -> Metadata:
    """Return the standard metadata of a card. Other content of ``base`` is kept, except for files not in ``files``.

    ``operator_outputs``: which outputs hold a detector's results, if its last operator tells. Raises BadModel if a
    detector's outputs cannot be identified.
    """
    base = base or Metadata()
    known = _fill(base.outputs, len(outputs))
    kept = [replace(old, files=_others(old.files, files)) for old in known]
    if card.task == "detection" and card.detector is not None and card.detector.layout not in (None, OPERATOR_LAYOUT):
        described = list(kept)  # the format has no words for raw boxes
    elif card.task == "detection":
        where = find_outputs(outputs, OutputFacts(base, {}, operator_outputs))
        described = [_detector_output(card, where, n, old) for n, old in enumerate(_in_order(kept, where))]
    else:
        described = [_output(card, spec, old) for spec, old in zip(outputs[:1], kept[:1], strict=True)]
        described += [_other_output(card, number, old) for number, old in enumerate(kept[1:], 1)]
    return replace(
        base,
        name=card.name,
        description=base.description or f"{card.task.capitalize()} of images, {card.preprocessing.describe()}",
        inputs=(_input(card.preprocessing, inputs[0], _fill(base.inputs, 1)[0]),),
        outputs=tuple(described),
        files=_others(base.files, files),
    )


def replaced_files(base: Metadata | None) -> set[str]:
    """Return the label files that the card's labels replace."""
    every = [f for t in base.outputs for f in t.files] + list(base.files) if base else []
    return {f.name for f in every if f.type in LABEL_KINDS}


def _fill(known: tuple[TensorMetadata, ...], count: int) -> tuple[TensorMetadata, ...]:
    """Return the known tensor metadata if it fits the model's number of tensors, else empty ones."""
    return known if len(known) == count else tuple(TensorMetadata() for _ in range(count))


def _input(preprocessing: Preprocessing, spec: TensorSpec, old: TensorMetadata) -> TensorMetadata:
    # Readers expect the range of the bytes for uint8 inputs, and that of the normalized values for others.
    pairs = [(0.0, 1.0)] if spec.dtype == "uint8" else _pairs(preprocessing)
    others = tuple(unit for unit in old.units if unit.kind != "normalization")
    return replace(
        old,
        name=old.name or "image",
        description=old.description or f"An image, {preprocessing.describe()}",
        content="image",
        color_space=COLOR[preprocessing.order],
        units=(ProcessUnit("normalization", mean=preprocessing.mean, std=preprocessing.std), *others),
        min=tuple((0.0 - mean) / std for mean, std in pairs),
        max=tuple((255.0 - mean) / std for mean, std in pairs),
        files=(),
    )


def _pairs(preprocessing: Preprocessing) -> list[tuple[float, float]]:
    count = max(len(preprocessing.mean), len(preprocessing.std))
    means, stds = (v if len(v) == count else v * count for v in (preprocessing.mean, preprocessing.std))
    return list(zip(means, stds, strict=True))


def _output(card: ModelCard, spec: TensorSpec, old: TensorMetadata) -> TensorMetadata:
    """Describe the first output, which holds the result of every task but detection."""
    described = _labelled(card, old, "axis_labels")
    return _scores(card, spec, described) if card.task in ("classification", "multilabel") else described


def _other_output(card: ModelCard, number: int, old: TensorMetadata) -> TensorMetadata:
    """Describe an output after a classifier's scores."""
    if card.embedding is None or card.embedding.output != number:
        return old
    description = old.description or "Features before the last layer; their cosine is the similarity of images"
    return replace(old, name=old.name or "embedding", description=description, content="feature")


def _detector_output(card: ModelCard, where: DetectionOutputs, number: int, old: TensorMetadata) -> TensorMetadata:
    """Describe one of a detector's outputs."""
    role = next((role for role in ROLES if getattr(where, role) == number), None)
    if role is None:
        return old
    # MediaPipe finds the outputs by these names; with other names it assumes the usual order.
    usual = (where.boxes, where.classes, where.scores, where.count) == (0, 1, 2, 3)
    old = replace(old, name=old.name if old.name and usual else MEDIAPIPE_NAMES[role])
    if role == "count":
        return replace(old, content="feature")
    old = replace(old, range=old.range or (2, 2))
    if role == "boxes":
        return replace(old, content="box", box=where.box)
    old = replace(old, content="feature")
    return _labelled(card, old, "value_labels") if role == "classes" else replace(old, units=_thresholded(card, old))


def _in_order(known: list[TensorMetadata], where: DetectionOutputs) -> list[TensorMetadata]:
    """Reorder the known metadata of a detector's outputs if it was written for a different order."""
    said = roles_by_metadata(known)
    now = {role: getattr(where, role) for role in said}
    if said == now:
        return known
    found = [TensorMetadata() for _ in known]
    for role, number in said.items():
        if now[role] is not None:
            found[now[role]] = known[number]
    return found


def _labelled(card: ModelCard, old: TensorMetadata, kind: str) -> TensorMetadata:
    """Add the card's label file, as axis labels or value labels."""
    label_file = AssociatedFile(LABELS, kind, "Names of the classes, one per line")
    return replace(old, files=(label_file, *old.files)) if card.labels else old


def _thresholded(card: ModelCard, old: TensorMetadata) -> tuple[ProcessUnit, ...]:
    units = tuple(unit for unit in old.units if unit.kind != "score_threshold")
    return units if card.threshold is None else (*units, ProcessUnit("score_threshold", threshold=card.threshold))


def _scores(card: ModelCard, spec: TensorSpec, old: TensorMetadata) -> TensorMetadata:
    """Describe a classifier's scores."""
    probabilities = card.activation in ("softmax", "sigmoid")
    return replace(
        old,
        name=old.name or ("probability" if probabilities else "score"),
        description=old.description or f"One {'probability' if probabilities else 'score'} per class, {spec.dtype}",
        content=old.content or "feature",
        units=_thresholded(card, old),
        min=(0.0,) if probabilities else (),
        max=(1.0,) if probabilities else (),
    )


def _others(known: tuple[AssociatedFile, ...], files: frozenset[str]) -> tuple[AssociatedFile, ...]:
    """Return the associated files that are still in the archive, except labels, which the card replaces."""
    return tuple(f for f in known if f.name in files and f.type not in LABEL_KINDS)
