"""The decoder interface, from output tensors to a prediction; the model card's task chooses the decoder."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Protocol

from ..model_file.card import ENTRY, LABELS
from ..tflite.outputs import OutputFacts

if TYPE_CHECKING:
    from ..model_file.card import ModelCard
    from ..model_file.model_file import ModelFile
    from ..types import Prediction, Task, Tensor, TensorSpec

DECODERS: dict[Task, str] = {
    "classification": "classification:ClassificationDecoder",
    "multilabel": "classification:ClassificationDecoder",
    "detection": "detection:DetectionDecoder",
    "points": "points:PointsDecoder",
    "segmentation": "segmentation:SegmentationDecoder",
    "embedding": "embedding:EmbeddingDecoder",
    "anomaly": "anomaly:AnomalyDecoder",
}
"""Module in this package and class, by task."""


class Decoder(Protocol):
    """Turns the outputs of one inference into a prediction."""

    def decode(self, outputs: Sequence[Tensor], size: tuple[int, int], top: int, threshold: float | None) -> Prediction:
        """Return the prediction, without stage times. Raises BadModel for outputs that do not fit the task.

        ``size``: width and height of the frame (pixels). ``top``: maximum number of labels. ``threshold``: lowest score,
        0..1; None for the model's own.
        """


def open_decoder(card: ModelCard, outputs: Sequence[TensorSpec], facts: OutputFacts | None = None) -> Decoder:
    """Return the decoder for a card's task. Raises BadModel if the outputs do not fit the task."""
    module, _, name = DECODERS[card.task].partition(":")
    decoder: Decoder = getattr(import_module(f".{module}", __package__), name)(card, outputs, facts or OutputFacts())
    return decoder


def read_facts(file: ModelFile, task: Task) -> OutputFacts:
    """Read from a file what a decoder for this task needs. Raises BadModel."""
    if task == "detection":
        from ..tflite.detection_op import result_outputs

        return OutputFacts(file.metadata, file.files, result_outputs(file.flatbuffer))
    if task == "anomaly":
        return OutputFacts(file.metadata, file.files)
    # For other tasks, all that the metadata says beyond the card is in associated files that we did not write.
    others = any(name not in (ENTRY, LABELS) and not name.endswith((".png", ".tflite", ".bin")) for name in file.files)
    return OutputFacts(file.metadata, file.files) if others else OutputFacts()
