"""A vector quantized along an axis that it does not have, as old converters wrote it, is repaired."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from changed_model import TINY, changed

from edgevision.engines.interpreter import open_interpreter
from edgevision.engines.probe import probe
from edgevision.engines.quantized_dimension import with_valid_dimensions
from edgevision.engines.uint8_input import start
from edgevision.errors import EngineError
from edgevision.model_file import model_file

IMAGE = np.full((1, 16, 16, 3), 90, np.uint8)


def old(model: Any) -> None:
    for tensor in model.subgraphs[0].tensors:
        if len(tensor.shape) == 1 and tensor.quantization is not None and tensor.quantization.scale is not None:
            tensor.quantization.quantizedDimension = 3


def test_old_file_runs_and_answers_as_the_new_one(tmp_path: Path) -> None:
    path = tmp_path / "old.tflite"
    path.write_bytes(changed(old))
    with pytest.raises(EngineError, match="quantized_dimension"):
        open_interpreter(path.read_bytes())
    probe(path)
    (made,) = start(model_file.read(path)).infer(IMAGE)
    (expected,) = open_interpreter(TINY).infer(IMAGE)
    np.testing.assert_array_equal(made, expected)


def test_good_file_is_left_alone() -> None:
    assert with_valid_dimensions(TINY) is None
