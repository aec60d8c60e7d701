"""Gives a model file a new card: from what its user says, else from what the file and its graph say."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from . import modelfile
from .card import ModelCard, SelfTest
from .class_labels import count_classes, fit_labels, refuse_count
from .data import Task
from .edgetpu import readiness
from .engines.compiled import ENTRY as EDGETPU_ENTRY
from .engines.compiled import is_compiled, refuse_stranger
from .errors import BadInput, BadModel, UsageError
from .files import require_absent, require_file, write_bytes
from .foreign import guess_activation, guess_task, picture_size, raw_normalization
from .graph import Graph
from .modelfile import ModelFile
from .probe import probe
from .rule import ModelOrder, Resize, Rule
from .runs import utc_now, versions
from .tasks.decoder import open_decoder, read_facts
from .tensors import TensorSpec


@dataclass(frozen=True, slots=True)
class Wish:
    """What the user says of a model; None: as the file has it."""

    task: Task | None = None
    labels: Path | None = None
    """A text file, one label a line."""
    resize: Resize | None = None
    crop_fraction: float | None = None
    """0..1, only with ``crop``."""
    mean: tuple[float, ...] | None = None
    """In units of the 0..255 pixel, one or one a channel."""
    std: tuple[float, ...] | None = None
    order: ModelOrder | None = None
    activation: str | None = None
    name: str | None = None
    threshold: float | None = None
    """0..1"""
    edgetpu: Path | None = None
    """What the Edge TPU compiler made of this model; goes into the file."""


@dataclass(frozen=True, slots=True)
class Given:
    """A new card, and the file it belongs to."""

    file: ModelFile
    card: ModelCard
    compiled: bool
    """The model runs only where an Edge TPU is."""
    edgetpu: bytes | None = None
    """The flatbuffer of the compiled model that goes into the file, too."""


def new_card(path: Path, wish: Wish) -> Given:
    """Makes the card; nothing is written. Raises MissingFile, BadModel, BadInput, UsageError."""
    file = modelfile.read(path, strict=False)
    graph = file.graph()
    known = _known(file)
    task = wish.task or (known.task if known else guess_task(graph))
    if task is None:
        raise UsageError(f"the outputs of {path} do not show what the model is for; say it with --task")
    changes: dict[str, Any] = {
        "name": wish.name or (known.name if known else path.stem),
        "task": task,
        "rule": _rule(file, wish, known.rule if known else None),
        "labels": _labels(file, graph, task, wish, known),
        "activation": wish.activation or _activation(file, graph, task, known),
        "threshold": wish.threshold if wish.threshold is not None else known.threshold if known else None,
    }
    card = known.with_(**changes) if file.card and known else ModelCard(**changes, source_sha256=file.sha256)
    card = card.with_(versions=versions(), created=utc_now(), selftest=_still_valid(known, card))
    with modelfile.about(path):
        modelfile.refuse_mismatch(card, file.inputs, file.outputs)
        open_decoder(card, file.outputs, read_facts(file, task))
    return Given(file, card, readiness(graph).compiled, _compiled(file, wish.edgetpu))


def write(given: Given, out: Path, overwrite: bool = False) -> None:
    """Writes the file with its new card. Raises OutputExists, CannotWrite, BadModel for a model that does not run."""
    require_absent(out, overwrite)
    if not given.compiled:
        # From now on the card vouches for the content, and the file is opened without another look.
        probe(given.file.path)
    entries = {name: content for name, content in given.file.files.items() if name not in _pictures(given)}
    if given.edgetpu is not None:
        entries[EDGETPU_ENTRY] = given.edgetpu
    write_bytes(out, modelfile.build(given.file.flatbuffer, given.card, entries))


def _known(file: ModelFile) -> ModelCard | None:
    """The card that the file has or that its metadata gives, if it can be trusted."""
    if file.card_problem is not None:
        return None
    try:
        return file.effective_card()
    except BadModel:
        return None


def _rule(file: ModelFile, wish: Wish, known: Rule | None) -> Rule:
    with modelfile.about(file.path):
        width, height, channels = picture_size(file.inputs)
    resize = wish.resize or (known.resize if known else None)
    if resize is None:
        said = f"nothing in {file.path} says how a picture is fitted in"
        raise UsageError(f"{said}; say it with --resize: stretch, crop, letterbox")
    mean, std = _normalization(file.inputs[0], wish, known)
    base = known or Rule(width, height, channels, order="GRAY" if channels == 1 else "RGB")
    crop_fraction = _crop_fraction(wish, resize, known)
    order = wish.order or base.order
    return replace(base, resize=resize, crop_fraction=crop_fraction, order=order, mean=mean, std=std)


def _crop_fraction(wish: Wish, resize: str, known: Rule | None) -> float:
    if wish.crop_fraction is not None and resize != "crop":
        raise UsageError(f"--crop-fraction goes with --resize crop, not with {resize}")
    if wish.crop_fraction is not None:
        return wish.crop_fraction
    return known.crop_fraction if known is not None and resize == "crop" else 1.0


def _normalization(spec: TensorSpec, wish: Wish, known: Rule | None) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and std: as said, as known, else as the quantization of a uint8 input implies."""
    raw = raw_normalization(spec)
    default = (known.mean, known.std) if known else ((raw[0],), (raw[1],)) if raw else (None, None)
    mean, std = wish.mean or default[0], wish.std or default[1]
    if mean is None or std is None:
        raise UsageError(
            f"the input is {spec.dtype}; say with --mean and --std how pixels are fed: (pixel - mean) / std"
        )
    if not spec.quantized and not spec.dtype.startswith("float") and (mean, std) != ((0.0,), (1.0,)):
        raise BadInput(
            f"the input is {spec.dtype} without a scale: it takes bytes as they are, without --mean and --std"
        )
    return mean, std


def _labels(file: ModelFile, graph: Graph, task: Task, wish: Wish, known: ModelCard | None) -> tuple[str, ...]:
    """As said, else as known; in the model's own numbering."""
    if wish.labels is None:
        return known.labels if known else ()
    with modelfile.about(file.path):
        classes = count_classes(file.flatbuffer, graph, task)
    labels = fit_labels(modelfile.parse_labels(_read_text(wish.labels), str(wish.labels)), classes, task)
    refuse_count(labels, classes)
    return labels


def _activation(file: ModelFile, graph: Graph, task: Task, known: ModelCard | None) -> str:
    if known is not None and known.task == task:
        return known.activation
    with modelfile.about(file.path):
        return guess_activation(graph, task)


def _still_valid(known: ModelCard | None, card: ModelCard) -> SelfTest | None:
    """The self-test, unless what it measured was changed."""
    same = known is not None and (known.rule, known.activation, known.task) == (card.rule, card.activation, card.task)
    return known.selftest if known is not None and same else None


def _pictures(given: Given) -> set[str]:
    """The pictures of a self-test that the new card does not keep."""
    old = given.file.card.selftest if given.file.card else None
    return {case.picture for case in old.cases} if old and given.card.selftest is None else set()


def _compiled(file: ModelFile, path: Path | None) -> bytes | None:
    """The compiled model. Raises MissingFile, BadModel, BadInput."""
    if path is None:
        return None
    if is_compiled(file.flatbuffer):
        raise BadInput(f"{file.path} is a compiled model itself; give the ordinary one, and this one with --edgetpu")
    part = modelfile.read(path, strict=False).flatbuffer
    refuse_stranger(part, file, str(path))
    return part


def _read_text(path: Path) -> bytes:
    return require_file(path, "labels file").read_bytes()
