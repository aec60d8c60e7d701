"""From the card to the standard metadata: so a file of ours opens in MediaPipe Tasks, ML Kit and Android Studio."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from .card import ModelCard
from .metadata import AssociatedFile, ColorSpace, Metadata, ProcessUnit, TensorMetadata
from .rule import Rule
from .tensors import TensorSpec

LABELS = "labels.txt"
"""Name of our entry with the labels, one a line."""
LABEL_KINDS = ("axis_labels", "value_labels")
COLOR: dict[str, ColorSpace | None] = {
    "RGB": "RGB",
    "GRAY": "GRAY",
    # The format has no name for BGR; "unknown" keeps other tools from feeding RGB without a word.
    "BGR": None,
}


def metadata_for(
    card: ModelCard,
    inputs: Sequence[TensorSpec],
    outputs: Sequence[TensorSpec],
    base: Metadata | None,
    files: frozenset[str],
) -> Metadata:
    """The standard metadata of a card. What ``base`` says beyond it is kept, but for files not in ``files``."""
    base = base or Metadata()
    known = _fill(base.outputs, len(outputs))
    described = [_output(card, n, spec, old, files) for n, (spec, old) in enumerate(zip(outputs, known, strict=True))]
    return replace(
        base,
        name=card.name,
        description=base.description or f"{card.task.capitalize()} of pictures, {card.rule.describe()}",
        inputs=(_input(card.rule, inputs[0], _fill(base.inputs, 1)[0]),),
        outputs=tuple(described),
        files=_others(base.files, files),
    )


def replaced_files(base: Metadata | None) -> set[str]:
    """Files of labels that the card's own labels make needless."""
    every = [f for t in base.outputs for f in t.files] + list(base.files) if base else []
    return {f.name for f in every if f.type in LABEL_KINDS}


def _fill(known: tuple[TensorMetadata, ...], count: int) -> tuple[TensorMetadata, ...]:
    """What is known, if it is about as many tensors as the model has."""
    return known if len(known) == count else tuple(TensorMetadata() for _ in range(count))


def _input(rule: Rule, spec: TensorSpec, old: TensorMetadata) -> TensorMetadata:
    # Of uint8 inputs, readers expect the range of the bytes; of others, that of the normalized values.
    pairs = [(0.0, 1.0)] if spec.dtype == "uint8" else _pairs(rule)
    others = tuple(unit for unit in old.units if unit.kind != "normalization")
    return replace(
        old,
        name=old.name or "image",
        description=old.description or f"A picture, {rule.describe()}",
        content="image",
        color_space=COLOR[rule.order],
        units=(ProcessUnit("normalization", mean=rule.mean, std=rule.std), *others),
        min=tuple((0.0 - mean) / std for mean, std in pairs),
        max=tuple((255.0 - mean) / std for mean, std in pairs),
        files=(),
    )


def _pairs(rule: Rule) -> list[tuple[float, float]]:
    count = max(len(rule.mean), len(rule.std))
    means, stds = (v if len(v) == count else v * count for v in (rule.mean, rule.std))
    return list(zip(means, stds, strict=True))


def _output(
    card: ModelCard, number: int, spec: TensorSpec, old: TensorMetadata, files: frozenset[str]
) -> TensorMetadata:
    described = replace(old, files=_others(old.files, files))
    # A detector names its classes by the values of its second output; all others by an axis of their first.
    if number != (1 if card.task == "detection" else 0):
        return described
    if card.labels:
        kind = "value_labels" if card.task == "detection" else "axis_labels"
        label_file = AssociatedFile(LABELS, kind, "Names of the classes, one a line")
        described = replace(described, files=(label_file, *described.files))
    if card.task in ("classification", "multilabel"):
        described = _scores(card, spec, described)
    return described


def _scores(card: ModelCard, spec: TensorSpec, old: TensorMetadata) -> TensorMetadata:
    """The one output of a classifier."""
    units = tuple(unit for unit in old.units if unit.kind != "score_threshold")
    if card.threshold is not None:
        units = (*units, ProcessUnit("score_threshold", threshold=card.threshold))
    probabilities = card.activation in ("softmax", "sigmoid")
    return replace(
        old,
        name=old.name or ("probability" if probabilities else "score"),
        description=old.description or f"One {'probability' if probabilities else 'score'} a class, {spec.dtype}",
        content=old.content or "feature",
        units=units,
        min=(0.0,) if probabilities else (),
        max=(1.0,) if probabilities else (),
    )


def _others(known: tuple[AssociatedFile, ...], files: frozenset[str]) -> tuple[AssociatedFile, ...]:
    """Associated files that are still in the archive, but for labels, which the card replaces."""
    return tuple(f for f in known if f.name in files and f.type not in LABEL_KINDS)
