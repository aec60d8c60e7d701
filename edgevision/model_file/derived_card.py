"""The card with which a file without one is opened: from its metadata, its maker, or what its graph shows."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

from ..errors import BadModel
from ..input_file import read_file
from ..log import Log
from ..output_layouts.registry import OPERATOR_LAYOUT, open_layout
from ..preprocessing.spec import Preprocessing
from . import model_file
from .card import DetectorOutput, ModelCard
from .card_from_metadata import card_from_metadata, card_hint, find_task, guess_activation, picture_size
from .detector import detector_labels, output_view
from .input_evidence import input_evidence
from .label_counts import count_fault
from .labels import count_classes, fit_labels
from .labels_beside import find_labels
from .makers.conventions import Conventions
from .makers.registry import Recognized, find_maker, recognize
from .model_file import model_errors
from .suitability import refuse_unusable, shapes

if TYPE_CHECKING:
    from ..tflite.graph import Graph
    from ..types import Task
    from .model_file import ModelFile

log = Log("edgevision.model")
CROP_OF_CLASSIFIER, RESIZE_OF_OTHERS = "crop", "stretch"
"""How images are resized where only the normalization is known. Of 500 photos, MobileNetV2 in int8 recognizes 87.4 % with
the largest central square and 83.2 % stretched; detectors and segmenters are trained on the whole image."""


class DerivedCard(NamedTuple):
    """A card, and where it comes from."""

    card: ModelCard
    source: Literal["card", "metadata", "maker", "graph"]
    said: str
    """What was recognized, in one line; empty for a file with a card."""


def effective_card(file: ModelFile) -> ModelCard:
    """Return the card of a file, or the one that is derived from its content. Raises BadModel if there is too little."""
    return derive(file).card


def derive(file: ModelFile) -> DerivedCard:
    """Return the card with which a file is opened, and its source. Raises BadModel with the command that adds a card."""
    if file.card is not None:
        return DerivedCard(file.card, "card", "")
    with model_errors(file.path):
        return _derive(file, file.graph())


def portable(path: Path) -> bytes:
    """Return the content of a model file that opens elsewhere in the same way: with the derived card, if it has none.

    What is derived may depend on files beside it, such as labels. Raises MissingFile, BadModel.
    """
    content = read_file(path, "model", model_file.MAX_BYTES)
    file = model_file.read(path)
    found = derive(file)
    if found.source == "card":
        return content
    with model_errors(path):
        return model_file.build(file.flatbuffer, found.card, file.files)


def imitate(file: ModelFile, name: str, task: Task | None = None) -> ModelCard:
    """Return the card of a file as if the maker with this name had written it, without what the user has yet to decide.

    ``task``: the task that the user states. Raises BadModel.
    """
    with model_errors(file.path):
        graph = file.graph()
        refuse_unusable(file, graph)
        conventions = find_maker(name).conventions(file, graph)
        made = _card(file, graph, replace(conventions, task=task or conventions.task), name).card
        decided = made.task == "detection" and conventions.layout is not None
        return made.with_(detector=DetectorOutput(conventions.layout)) if decided else made


def _derive(file: ModelFile, graph: Graph) -> DerivedCard:
    refuse_unusable(file, graph)
    found = recognize(file, graph)
    if found is not None and found.maker.before_metadata:
        return _from_maker(file, graph, found)
    try:
        card = card_from_metadata(file)
    except BadModel as error:
        if found is not None:
            return _from_maker(file, graph, found)
        shown = _from_graph(file, graph)
        if shown is None:
            raise error from None
        return shown
    said = f"its standard metadata, {card.task}, {card.preprocessing.describe()}"
    card = card.with_(detector=_detector(file, card))
    if found is not None:
        card, said = card.with_(maker=found.name), f"{said}; made by {found.maker.title}: {found.evidence}"
    return _with_labels_beside(file, graph, DerivedCard(card, "metadata", said))


def _from_maker(file: ModelFile, graph: Graph, found: Recognized) -> DerivedCard:
    made = _decided(file, _card(file, graph, found.maker.conventions(file, graph), found.name))
    said = f"made by {found.maker.title} ({found.evidence})"
    return made._replace(said=f"{said}: {made.said}")


def _from_graph(file: ModelFile, graph: Graph) -> DerivedCard | None:
    """Return a card from what the start of the graph shows; None if it shows nothing."""
    evidence = input_evidence(file, graph)
    task = find_task(file, graph)
    if evidence is None or task is None:
        return None
    resize: Literal["crop", "stretch"] = "crop" if task in ("classification", "multilabel") else "stretch"
    made = _decided(file, _card(file, graph, Conventions(resize, evidence.mean, evidence.std), None))
    return made._replace(
        source="graph", said=f"{evidence.said}: {made.said}; {resize} is what such models usually take"
    )


def _card(file: ModelFile, graph: Graph, conventions: Conventions, maker: str | None) -> DerivedCard:
    task = conventions.task or find_task(file, graph)
    if task is None:
        raise BadModel(
            f"the task cannot be inferred from the model's outputs ({shapes(file.outputs)}); {card_hint(file)}"
        )
    classes = count_classes(file, graph, task)
    labels = fit_labels(conventions.labels or file.labels, classes, task)
    if task == "detection" and not labels:
        labels = detector_labels(file)
    if labels and classes is not None and len(labels) != classes:
        log.warning("%s: labels are left out: %s", file.path, count_fault(labels, classes))
        labels = ()
    width, height, channels = picture_size(file.inputs)
    card = ModelCard(
        name=conventions.name or file.path.stem,
        task=task,
        preprocessing=Preprocessing(
            width=width,
            height=height,
            channels=channels,
            resize=conventions.resize,
            crop_fraction=conventions.crop_fraction,
            fill=conventions.fill,
            align=conventions.align,
            order="GRAY" if channels == 1 else conventions.order,
            mean=(conventions.mean,),
            std=(conventions.std,),
        ),
        labels=labels,
        activation=guess_activation(graph, task),
        maker=maker,
    )
    said = f"{task}, {card.preprocessing.describe()}" + (f"; {conventions.remark}" if conventions.remark else "")
    return _with_labels_beside(file, graph, DerivedCard(card, "maker", said))


def _decided(file: ModelFile, made: DerivedCard) -> DerivedCard:
    """Return a card with the output layout of a detector. Raises BadModel if the outputs allow several readings."""
    if made.card.task == "classification" and not _surely_scores(made.card):
        raise BadModel(f"its output ({shapes(file.outputs)}) may hold class scores or an embedding; {card_hint(file)}")
    return made._replace(card=made.card.with_(detector=_detector(file, made.card)))


def _detector(file: ModelFile, card: ModelCard) -> DetectorOutput | None:
    """Return the output layout of a detector; None if the file itself says it, and for other tasks. Raises BadModel."""
    view = output_view(file, len(card.labels)) if card.task == "detection" else None
    layout = None if view is None else open_layout(view).name
    return None if layout in (None, OPERATOR_LAYOUT) else DetectorOutput(layout)


def _surely_scores(card: ModelCard) -> bool:
    """Return whether a list of numbers holds class scores: they are proportions, or have names."""
    return bool(card.labels) or card.activation in ("softmax", "sigmoid")


def _with_labels_beside(file: ModelFile, graph: Graph, made: DerivedCard) -> DerivedCard:
    if made.card.labels or made.card.task == "embedding":
        return made
    found = find_labels(file.path, count_classes(file, graph, made.card.task), made.card.task)
    if found is None:
        return made
    said = f"{made.said}; labels from {found.path.name} beside it"
    return made._replace(card=made.card.with_(labels=found.labels), said=said)
