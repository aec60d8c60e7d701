"""The self-test of a file: its images are small ones, whatever the file claims."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from changed_model import TINY

from edgevision.errors import BadModel
from edgevision.model import open_model
from edgevision.model_file import model_file
from edgevision.model_file.card import ModelCard, SelfTest, SelfTestCase
from edgevision.preprocessing.spec import Preprocessing
from edgevision.selftest import PNG, check


@pytest.mark.parametrize(
    ("image", "said"),
    [
        (PNG + b"\0\0\0\rIHDR" + struct.pack(">II", 16_000, 16_000), "have 256 million pixels, at most 34 are allowed"),
        (b"GIF89a" + bytes(20), "not a PNG file"),
        (PNG, "not a PNG file"),
    ],
)
def test_large_or_other_images_are_refused_before_they_are_decoded(tmp_path: Path, image: bytes, said: str) -> None:
    test = SelfTest((SelfTestCase("selftest/0.png", "00", 1, (1.0,), (1,)),), 0.1)
    card = ModelCard("colors", "classification", Preprocessing(16, 16, mean=(127.0,), std=(127.5,)), selftest=test)
    path = tmp_path / "m.tflite"
    model_file.write(path, TINY, card, {"selftest/0.png": image})
    with open_model(path) as model, pytest.raises(BadModel, match=said):
        check(model)
