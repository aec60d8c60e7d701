"""Registry of the makers by name, in the order in which they are tried. A new maker needs one module and one line here."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from ...tflite.graph import Graph
    from ...types import Task
    from ..model_file import ModelFile
    from .conventions import Maker

MAKERS = {
    # name, as in the model card and in `card --like`: module in this package
    "ultralytics": "ultralytics",
    "teachable-machine": "teachable_machine",
    "edge-impulse": "edge_impulse",
    "yolox": "yolox",
    "mediapipe": "mediapipe",
    "movenet": "movenet",
    "automl": "automl",
    "model-maker": "model_maker",
    "tensorflow-slim": "tensorflow_slim",
    "keras-tutorial": "keras_tutorial",
    "mnist": "mnist",
}


class Recognized(NamedTuple):
    """The maker of a file, and what shows it."""

    name: str
    """Name in the registry."""
    maker: Maker
    evidence: str
    """What in the file shows the maker, for the user."""


def find_maker(name: str) -> Maker:
    """Return a maker by its name in the registry."""
    maker: Maker = import_module(f".{MAKERS[name]}", __package__).MAKER
    return maker


def plausible(file: ModelFile, task: Task | None) -> list[str]:
    """Return the makers that a file with one image input may come from, by its input and task. Raises BadModel."""
    return [name for name in MAKERS if find_maker(name).plausible(file, task)]


def recognize(file: ModelFile, graph: Graph) -> Recognized | None:
    """Return the maker of a file with one image input; None if nothing in the file shows it. Raises BadModel."""
    for name in MAKERS:
        maker = find_maker(name)
        evidence = maker.evidence(file, graph)
        if evidence is not None:
            return Recognized(name, maker, evidence)
    return None
