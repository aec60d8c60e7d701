"""Model files: read, inspected, and used for a prediction with an engine that returns zeros."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from edgevision.engines.protocol import Engine
from edgevision.inspection import compatibility, edgetpu_support, report
from edgevision.model import Model
from edgevision.model_file import model_file
from edgevision.model_file.card import ENTRY, ModelCard
from edgevision.model_file.derived_card import effective_card
from edgevision.postprocessing.decoder import read_facts
from edgevision.tflite import associated_files, metadata_buffer
from edgevision.tflite.graph import operators_json, subgraph_count, tensors_json
from edgevision.types import TensorSpec

from ..outcome import ROOT

if TYPE_CHECKING:
    from edgevision.types import Tensor

DATA = ROOT / "tests" / "data"
TINY = "tiny.tflite"
MODELS = {
    "detection": "detector.tflite",
    "points": "cells.tflite",
    "segmentation": "segmenter.tflite",
    "embedding": "embedder.tflite",
    "": TINY,
}
"""Small model by task; any other task gets that of the empty name."""
DIGEST = b"DIGEST"
"""Stands in a card for the digest of the model."""
MAX_OUTPUT = 1 << 20
"""Outputs with more values are not made."""
IMAGE = np.zeros((5, 7, 3), np.uint8)


def read_tflite(data: bytes, folder: Path) -> None:
    """Read a model file and compute all that ``inspect`` shows, except what a child process finds out."""
    path = folder / "model.tflite"
    path.write_bytes(data)
    file = model_file.read(path, strict=False)
    graph = file.graph()
    shown: list[Any] = [file.labels, tensors_json(graph), operators_json(graph), report.notes(file)]
    shown += [edgetpu_support.readiness(graph, subgraph_count(file.flatbuffer)).to_json()]
    shown += [compatibility.judge(file).to_json(), file.metadata and repr(file.metadata)]
    json.dumps(shown, default=str)
    if file.card_problem is None:
        _predict(file)


def read_card(data: bytes, folder: Path) -> None:
    """Put a card into a small model of its task, with a digest that fits; read the file and predict."""
    found = re.search(rb'"task": *"(\w+)"', data)
    flatbuffer = (DATA / MODELS.get(found[1].decode() if found else "", TINY)).read_bytes()
    card = data.replace(DIGEST, hashlib.sha256(flatbuffer).hexdigest().encode())
    path = folder / "model.tflite"
    path.write_bytes(flatbuffer + associated_files.pack({ENTRY: card}, len(flatbuffer)))
    file = model_file.read(path, strict=False)
    if file.card is not None:
        assert ModelCard.loads(file.card.dumps()) == file.card, "the card changes when it is written and read again"
        json.dumps(file.card.to_json(), allow_nan=False).encode()
    _predict(model_file.read(path))


def read_metadata(data: bytes, folder: Path) -> None:
    """Put standard metadata into a small model, which one the length decides; read the file and predict."""
    names = sorted(set(MODELS.values()))
    changed = metadata_buffer.with_metadata((DATA / names[len(data) % len(names)]).read_bytes(), data)
    path = folder / "model.tflite"
    path.write_bytes(changed + associated_files.pack({"labels.txt": b"red\ngreen\nblue\n"}, len(changed)))
    file = model_file.read(path)
    json.dumps(report.notes(file))
    _predict(file)


class _Zeros(Engine):
    """An engine that returns zeros."""

    def __init__(self, inputs: tuple[TensorSpec, ...], outputs: tuple[TensorSpec, ...]) -> None:
        self._specs = inputs, outputs

    @property
    def inputs(self) -> tuple[TensorSpec, ...]:
        return self._specs[0]

    @property
    def outputs(self) -> tuple[TensorSpec, ...]:
        return self._specs[1]

    def infer(self, tensor: Tensor) -> list[Tensor]:
        return [np.zeros([max(side, 1) for side in spec.shape], spec.dtype) for spec in self.outputs]

    def close(self) -> None:
        pass


def _predict(file: model_file.ModelFile) -> None:
    """Open the file as ``open_model`` does, but without a runtime, and predict one image."""
    card = effective_card(file)
    sizes = [np.prod([max(side, 1) for side in spec.shape], dtype=float) for spec in (*file.inputs, *file.outputs)]
    if max(sizes, default=0) > MAX_OUTPUT or any(spec.dtype not in np.sctypeDict for spec in file.outputs):
        return
    facts = read_facts(file, card.task)
    with model_file.model_errors(file.path):
        model = Model(file.path, card, _Zeros(file.inputs, file.outputs), file.sha256, file.card is not None, facts)
    model.predict(IMAGE)
