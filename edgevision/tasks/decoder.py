"""The door from output tensors to an answer: one decoder a task, chosen by the model's card, never by an option."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Protocol

from ..card import ENTRY, LABELS, ModelCard
from ..tensors import TensorSpec

if TYPE_CHECKING:
    from ..data import Prediction, Task, Tensor
    from ..metadata import Metadata
    from ..modelfile import ModelFile

DECODERS: dict[Task, str] = {
    "classification": "classification:ClassificationDecoder",
    "multilabel": "classification:ClassificationDecoder",
    "detection": "detection:DetectionDecoder",
    "segmentation": "segmentation:SegmentationDecoder",
    "embedding": "embedding:EmbeddingDecoder",
}
"""Task -> module of this folder and class in it."""


class Decoder(Protocol):
    """Turns the outputs of one run into an answer."""

    def decode(self, outputs: Sequence[Tensor], size: tuple[int, int], top: int, threshold: float | None) -> Prediction:
        """The answer, without times. Raises BadModel for outputs that no such model can give.

        ``size``: width and height of the frame (pixels). ``top``: labels at most. ``threshold``: 0..1; None: the
        model's own.
        """


@dataclass(frozen=True, slots=True)
class OutputFacts:
    """What a model file says of its outputs beyond its card."""

    metadata: Metadata | None = None
    """The standard metadata."""
    files: Mapping[str, bytes] = field(default_factory=dict)
    """Entries of the archive, which the metadata names."""
    operator_outputs: tuple[int | None, ...] = ()
    """Which outputs hold boxes, classes, scores and count, by the operator that makes them; empty: not known."""


def open_decoder(card: ModelCard, outputs: Sequence[TensorSpec], facts: OutputFacts | None = None) -> Decoder:
    """The decoder for a card's task. Raises BadModel where the outputs are not those of such a model."""
    module, _, name = DECODERS[card.task].partition(":")
    decoder: Decoder = getattr(import_module(f".{module}", __package__), name)(card, outputs, facts or OutputFacts())
    return decoder


def read_facts(file: ModelFile, task: Task) -> OutputFacts:
    """What a decoder for this task may ask about a file. Raises BadModel."""
    if task == "detection":
        from ..detection_operator import result_outputs

        return OutputFacts(file.metadata, file.files, result_outputs(file.flatbuffer))
    # All that the metadata says of other outputs and the card does not is in associated files that we did not write.
    others = any(name not in (ENTRY, LABELS) and not name.endswith((".png", ".tflite", ".bin")) for name in file.files)
    return OutputFacts(file.metadata, file.files) if others else OutputFacts()
