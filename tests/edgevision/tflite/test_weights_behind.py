"""Weights behind the flatbuffer are read like those in it, and never beyond the end of the file."""

from __future__ import annotations

from pathlib import Path

import pytest
from changed_model import TINY
from foreign_models import Input, classifier
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("ai_edge_litert.schema_py_generated")
from edgevision.convert.tflite_source.open_tflite import scan_tflite
from weights_behind import weights_behind

from edgevision.errors import BadModel
from edgevision.model_file import model_file
from edgevision.model_file.derived_card import derive
from edgevision.tflite.graph import read_graph
from edgevision.tflite.graph_check import check_graph
from edgevision.tflite.object_api import pack, unpack
from edgevision.tflite.schema import TYPES
from edgevision.tflite.tables import open_flatbuffer

BEHIND = weights_behind(TINY)


def put(folder: Path, content: bytes) -> Path:
    path = folder / "model.tflite"
    path.write_bytes(content)
    return path


def test_graph_is_the_same() -> None:
    assert read_graph(BEHIND) == read_graph(TINY)
    check_graph(open_flatbuffer(BEHIND))


def test_preprocessing_is_recognized_by_a_constant(tmp_path: Path) -> None:
    network = classifier(Input("image", (1, 32, 32, 3)), factor=1 / 255)
    found = derive(model_file.read(put(tmp_path, weights_behind(network)), strict=False))
    assert found.said.startswith("the model itself scales its input")


def test_stored_int8_weights_are_no_source_of_a_conversion(tmp_path: Path) -> None:
    model = unpack(classifier(Input("image", (1, 32, 32, 3))))
    (weights,) = (one for one in model.subgraphs[0].tensors if one.name == b"weights0")
    weights.type = TYPES.index("int8")
    weights.quantization = unpack(TINY).subgraphs[0].tensors[0].quantization
    with pytest.raises(BadModel, match="has int8 weights already"):
        scan_tflite(put(tmp_path, weights_behind(pack(model))))


@given(st.integers(1, len(BEHIND) - 8))
def test_truncated_file_is_refused(missing: int) -> None:
    with pytest.raises(BadModel):
        read_graph(BEHIND[:-missing])
