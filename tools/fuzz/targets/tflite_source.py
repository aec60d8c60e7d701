"""A float .tflite as the source of a conversion: all that is read of it outside the child process that tries it."""

from __future__ import annotations

import json
from pathlib import Path

from edgevision.convert.source_model.flatbuffer_model import FlatbufferModel
from edgevision.convert.source_model.preprocessing_options import PreprocessingOptions
from edgevision.convert.tflite_source.open_tflite import open_tflite, scan_tflite
from edgevision.convert.tflite_source.prepare import Prepared

from edgevision.model_file.model_file import ModelFile
from edgevision.preprocessing.spec import Preprocessing

STATED = PreprocessingOptions(resize="stretch", mean=(127.5,), std=(127.5,))


def read_source(data: bytes, folder: Path) -> None:
    """Scan a file and describe its network, with stated preprocessing for every other length."""
    path = folder / "model.tflite"
    path.write_bytes(data)
    stated = STATED if len(data) % 2 else PreprocessingOptions()
    network = open_tflite(scan_tflite(path), "small", stated, None, _as_given)
    json.dumps(network.card.to_json(), allow_nan=False).encode()
    assert network.parameters >= 0 and network.outputs >= 0


def _as_given(file: ModelFile, preprocessing: Preprocessing) -> Prepared:
    """Stand in for the child process, which changes the network and runs native code."""
    return Prepared(FlatbufferModel(file.flatbuffer, preprocessing, file.flatbuffer, preprocessing), None)
