"""Add a model card to a file, from the user's settings, else from the file's metadata and graph."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..engines.probe import probe
from ..errors import BadInput, BadModel, UsageError
from ..files.atomic import require_absent, write_bytes
from ..files.run_folder import utc_now, versions
from ..input_file import read_file
from ..log import Log
from ..model_file import model_file
from ..model_file.card import DetectorOutput, ModelCard, SelfTest
from ..model_file.card_from_metadata import (
    USUAL_NORMALIZATION,
    find_task,
    guess_activation,
    picture_size,
    task_from_metadata,
    unnatural_input,
)
from ..model_file.derived_card import derive, imitate
from ..model_file.detector import detector_labels, output_view
from ..model_file.detector_selftest import DetectorSelfTest
from ..model_file.edgetpu_part import ENTRY as EDGETPU_ENTRY
from ..model_file.edgetpu_part import check_compiled_from, is_compiled
from ..model_file.label_counts import refuse_count
from ..model_file.label_file import parse_labels
from ..model_file.labels import count_classes, fit_labels
from ..model_file.model_file import ModelFile
from ..model_file.suitability import fitting_tasks, refuse_unusable, shapes
from ..output_layouts.registry import OPERATOR_LAYOUT, open_layout
from ..postprocessing.decoder import open_decoder, read_facts
from ..preprocessing.natural import natural_normalization
from ..preprocessing.spec import Preprocessing
from ..tflite.graph import Graph
from ..types import Task, TensorSpec
from .card_options import CardOptions
from .edgetpu_support import readiness

log = Log("edgevision.model")


@dataclass(frozen=True, slots=True)
class Given:
    """A new card and the file it belongs to."""

    file: ModelFile
    card: ModelCard
    compiled: bool
    """Whether the model is compiled and runs only on an Edge TPU."""
    edgetpu: bytes | None = None
    """Flatbuffer of the compiled model to store inside the file."""
    guessed: tuple[Task, ...] = ()
    """The task, if it was inferred from the outputs, and the others that their shapes allow; empty if it was stated."""


def new_card(path: Path, wish: CardOptions) -> Given:
    """Make the card without writing anything. Raises MissingFile, BadModel, BadInput, UsageError."""
    file = model_file.read(path, strict=False)
    graph = file.graph()
    refuse_unusable(file, graph)
    known = _known(file, wish)
    old = file.card if file.card_problem is None else None
    task = wish.task or (known.task if known else _task(file, graph))
    if task is None:
        fitting = ", ".join(fitting_tasks(file, graph))
        raise UsageError(
            f"cannot infer the task of {path} from its outputs ({shapes(file.outputs)}); set it with --task: {fitting}"
        )
    labels = _labels(file, graph, task, wish, known)
    changes: dict[str, Any] = {
        "name": wish.name or (known.name if known else path.stem),
        "task": task,
        "preprocessing": _preprocessing(file, wish, known.preprocessing if known else None),
        "labels": labels,
        "detector": _detector(file, task, len(labels), wish, known),
        "activation": wish.activation or _activation(file, graph, task, known),
        "threshold": wish.threshold if wish.threshold is not None else known.threshold if known else None,
        "maker": known.maker if known else None,
    }
    card = old.with_(**changes) if old is not None else ModelCard(**changes, source_sha256=file.sha256)
    card = card.with_(versions=versions(), created=utc_now(), selftest=_still_valid(old, card))
    with model_file.model_errors(path):
        model_file.refuse_mismatch(card, file.inputs, file.outputs)
        open_decoder(card, file.outputs, read_facts(file, task))
    sure = (
        wish.task
        or file.card
        or task_from_metadata(file.metadata, graph)
        or (card.labels and card.activation == "softmax")
    )
    guessed = () if sure else (task, *(other for other in fitting_tasks(file, graph) if other != task))
    return Given(file, card, readiness(graph).compiled, _compiled(file, wish.edgetpu), guessed)


def write(given: Given, out: Path, overwrite: bool = False) -> None:
    """Write the file with its new card. Raises OutputExists, CannotWrite, and BadModel if the model does not run."""
    require_absent(out, overwrite)
    if not given.compiled:
        # From now on the card guarantees the content, and the file is opened without a probe.
        probe(given.file.path)
    entries = {name: content for name, content in given.file.files.items() if name not in _pictures(given)}
    if given.edgetpu is not None:
        entries[EDGETPU_ENTRY] = given.edgetpu
    write_bytes(out, model_file.build(given.file.flatbuffer, given.card, entries))


def _task(file: ModelFile, graph: Graph) -> Task | None:
    return find_task(file, graph)


def _known(file: ModelFile, wish: CardOptions) -> ModelCard | None:
    """Return what is known before the user's options: the card of the stated maker, of the file, or derived from it.

    None if there is too little, or nothing that can be trusted.
    """
    if wish.like is not None:
        log.info("%s: starting from what models of %s take", file.path, wish.like)
        return imitate(file, wish.like, wish.task)
    if file.card_problem is not None:
        return None
    try:
        found = derive(file)
    except BadModel:
        log.info("%s: starting from nothing", file.path)
        return None
    log.info("%s: starting from %s", file.path, found.said or "its model card")
    return found.card


def _preprocessing(file: ModelFile, wish: CardOptions, known: Preprocessing | None) -> Preprocessing:
    with model_file.model_errors(file.path):
        width, height, channels = picture_size(file.inputs)
    resize = wish.resize or (known.resize if known else None)
    if resize is None:
        said = f"{file.path} does not say how images are resized"
        raise UsageError(f"{said}; set it with --resize: stretch, crop, letterbox")
    mean, std = _normalization(file.inputs[0], wish, known)
    base = known or Preprocessing(width, height, channels, order="GRAY" if channels == 1 else "RGB")
    if resize != "letterbox" and (wish.fill is not None or wish.align is not None):
        raise UsageError(f"--fill and --align require --resize letterbox, got --resize {resize}")
    return replace(
        base,
        resize=resize,
        crop_fraction=_crop_fraction(wish, resize, known),
        fill=base.fill if wish.fill is None else wish.fill,
        align=wish.align or base.align,
        order=wish.order or base.order,
        mean=mean,
        std=std,
    )


def _crop_fraction(wish: CardOptions, resize: str, known: Preprocessing | None) -> float:
    if wish.crop_fraction is not None and resize != "crop":
        raise UsageError(f"--crop-fraction requires --resize crop, got --resize {resize}")
    if wish.crop_fraction is not None:
        return wish.crop_fraction
    return known.crop_fraction if known is not None and resize == "crop" else 1.0


def _normalization(
    spec: TensorSpec, wish: CardOptions, known: Preprocessing | None
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return mean and std: the user's, else the file's, else those that the input's quantization shows."""
    raw = natural_normalization(spec)
    default = (known.mean, known.std) if known else ((raw[0],), (raw[1],)) if raw else (None, None)
    mean, std = wish.mean or default[0], wish.std or default[1]
    if mean is None or std is None:
        why = unnatural_input(spec) if spec.quantized else f"the normalization of the {spec.dtype} input is unknown"
        raise UsageError(
            f"{why}; set --mean and --std, (pixel - mean) / std, as in training; usual: {USUAL_NORMALIZATION}"
        )
    if not spec.quantized and not spec.dtype.startswith("float") and (mean, std) != ((0.0,), (1.0,)):
        raise BadInput(f"the {spec.dtype} input has no scale and takes image bytes unchanged; omit --mean and --std")
    return mean, std


def _labels(file: ModelFile, graph: Graph, task: Task, wish: CardOptions, known: ModelCard | None) -> tuple[str, ...]:
    """Return the user's labels, else the file's, in the model's numbering."""
    if wish.labels is None and known is not None and known.labels:
        return known.labels
    with model_file.model_errors(file.path):
        if wish.labels is None:
            return detector_labels(file, wish.layout) if task == "detection" else ()
    with model_file.model_errors(file.path):
        classes = count_classes(file, graph, task, wish.layout)
    labels = fit_labels(parse_labels(_read_text(wish.labels), str(wish.labels), classes), classes, task)
    refuse_count(labels, classes)
    return labels


def _detector(
    file: ModelFile, task: Task, labels: int, wish: CardOptions, known: ModelCard | None
) -> DetectorOutput | None:
    """Return how a detector's outputs are read; None for other tasks, and if the file itself says it."""
    if task != "detection":
        if wish.layout is not None or wish.iou is not None:
            raise UsageError(f"--layout and --iou are for detectors, but the task is {task}")
        return None
    old = known.detector if known and known.detector else DetectorOutput()
    with model_file.model_errors(file.path):
        view = output_view(file, labels)
        assert view is not None  # the preprocessing was made for it
        layout = open_layout(view, wish.layout or old.layout)
    if not layout.overlapping and wish.iou is not None:
        raise UsageError(f"--iou has no effect: a model with the layout {layout.name} removes overlapping boxes itself")
    if layout.name == OPERATOR_LAYOUT and wish.layout is None:
        return None
    return DetectorOutput(layout.name, wish.iou if wish.iou is not None else old.iou)


def _activation(file: ModelFile, graph: Graph, task: Task, known: ModelCard | None) -> str:
    if known is not None and known.task == task:
        return known.activation
    with model_file.model_errors(file.path):
        return guess_activation(graph, task)


def _still_valid(known: ModelCard | None, card: ModelCard) -> SelfTest | DetectorSelfTest | None:
    """Return the self-test, unless a change affects what it measures."""
    same = known is not None and _measured(known) == _measured(card)
    return known.selftest if known is not None and same else None


def _measured(card: ModelCard) -> tuple[object, ...]:
    """Return what the results of a self-test depend on."""
    return card.preprocessing, card.activation, card.task, card.detector


def _pictures(given: Given) -> set[str]:
    """Return the images of the old self-test if the new card drops it."""
    old = given.file.card.selftest if given.file.card else None
    return {case.picture for case in old.cases} if old and given.card.selftest is None else set()


def _compiled(file: ModelFile, path: Path | None) -> bytes | None:
    """Read the compiled model. Raises MissingFile, BadModel, BadInput."""
    if path is None:
        return None
    if is_compiled(file.flatbuffer):
        raise BadInput(f"{file.path} is already compiled; give the ordinary model, and the compiled one with --edgetpu")
    part = model_file.read(path, strict=False).flatbuffer
    check_compiled_from(part, file, str(path))
    return part


MAX_LABELS = 2**24
"""Largest label file in bytes."""


def _read_text(path: Path) -> bytes:
    return read_file(path, "labels file", MAX_LABELS)
