"""The model file as MediaPipe Tasks opens it: with standard metadata, and without a part for the Edge TPU."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from edgevision.errors import BadModel
from edgevision.files.scratch import scratch_folder
from edgevision.inspection import compatibility
from edgevision.model_file import model_file
from edgevision.model_file.edgetpu_part import ENTRY

if TYPE_CHECKING:
    from edgevision.inspection.compatibility import ToolCompatibility
    from edgevision.model_file.card import ModelCard
    from edgevision.model_file.model_file import ModelFile

TASKS = ("classification", "multilabel", "detection")
"""Tasks for whose readers in MediaPipe there is code."""


def phone_model(file: ModelFile, card: ModelCard) -> bytes:
    """Return the content of the model file for phones: standard metadata and the labels of the card are in it.

    Raises BadModel if MediaPipe Tasks does not open it, or if there is no code for its task.
    """
    if card.task not in TASKS:
        raise BadModel(
            f"{file.path}: apps for phones are made of classifiers and detectors, but this is a model for {card.task}; "
            f"{_elsewhere(card.task)}"
        )
    files = {name: content for name, content in file.files.items() if name != ENTRY}
    with model_file.model_errors(file.path):
        data = model_file.build(file.flatbuffer, card, files)
    found = _judged(file, data)
    if not found.ok:
        raise BadModel(f"{file.path}: MediaPipe Tasks refuses this model: {found.reason}; {_elsewhere(card.task)}")
    return data


def _judged(file: ModelFile, data: bytes) -> ToolCompatibility:
    """Return what MediaPipe Tasks makes of the content of a file."""
    with scratch_folder() as folder:
        path = folder / "model.tflite"
        path.write_bytes(data)
        return compatibility.judge(replace(model_file.read(path), path=file.path)).mediapipe


def _elsewhere(task: str) -> str:
    """Return what else runs a model on a phone or at all."""
    if task in (*TASKS, "segmentation"):
        return "a phone's browser may run it: edgevision export --to web"
    return "run it with edgevision run"
