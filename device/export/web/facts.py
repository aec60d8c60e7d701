"""What the page has to know about a model, as the file ``model/facts.json`` of the app."""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from edgevision.preprocessing.image_input import has_channels_first
from edgevision.preprocessing.transform import quantize
from edgevision.types import TensorSpec

from .decoders import decoder_facts, default_threshold

if TYPE_CHECKING:
    from edgevision.model import Model
    from edgevision.model_file.model_file import ModelFile
    from edgevision.preprocessing.spec import Preprocessing

SCHEMA = "edgevision.web_app/1"


def model_facts(file: ModelFile, model: Model, model_name: str) -> dict[str, Any]:
    """Return the facts without the self-test and the version; ``model_name``: of the model's file. Raises BadModel."""
    card = model.card
    decoder = decoder_facts(file, model)
    return {
        "schema": SCHEMA,
        "name": card.name or file.path.stem,
        "task": card.task,
        "labels": list(card.labels),
        "threshold": default_threshold(model),
        "activation": card.activation,
        "preprocessing": card.preprocessing.to_json(),
        "input": _input(card.preprocessing, file.inputs[0]),
        "outputs": [{"name": one.name, "scale": one.scale, "zero_point": one.zero_point} for one in file.outputs],
        "decoder": decoder,
        "model": {"file": model_name, "sha256": file.sha256},
    }


def _input(preprocessing: Preprocessing, spec: TensorSpec) -> dict[str, Any]:
    return {
        "dtype": spec.dtype,
        "shape": [1, *spec.shape[1:]],
        "channels_first": has_channels_first(spec),
        "tables": [base64.b64encode(table.tobytes()).decode() for table in _tables(preprocessing, spec)],
    }


def _tables(preprocessing: Preprocessing, spec: TensorSpec) -> list[np.ndarray]:
    """Return what the model stores for each of the 256 bytes, for each channel: the page computes no normalization itself."""
    channels = preprocessing.channels
    ramp = np.repeat(np.arange(256, dtype=np.uint8)[np.newaxis, :, np.newaxis], channels, axis=2)
    row = replace(preprocessing, width=256, height=1)
    stored = quantize(ramp, row, spec._replace(shape=(1, 1, 256, channels))).reshape(256, channels)
    little = stored.astype(stored.dtype.newbyteorder("<"))
    return [np.ascontiguousarray(little[:, channel]) for channel in range(channels)]
