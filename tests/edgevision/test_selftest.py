"""The self-test of a file: which objects count as the expected ones, and that its images are small."""

from __future__ import annotations

import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from changed_model import TINY
from locations import TESTS

from edgevision.errors import BadModel
from edgevision.model import open_model
from edgevision.model_file import model_file
from edgevision.model_file.card import ModelCard, SelfTest, SelfTestCase
from edgevision.model_file.detector_selftest import DetectorCase, DetectorSelfTest, ExpectedObject
from edgevision.preprocessing.decode import encode_png
from edgevision.preprocessing.spec import Preprocessing
from edgevision.selftest import PNG, check, compare_objects, tensor_sha256
from edgevision.types import Detection, Frame


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


EXPECTED = (ExpectedObject(0, 0.8, (10.0, 10.0, 50.0, 50.0)), ExpectedObject(1, 0.4, (60.0, 60.0, 90.0, 90.0)))
FOUND = tuple(Detection(one.class_index, "x", one.score, one.box) for one in EXPECTED)


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        (FOUND, ""),
        ((replace(FOUND[0], score=0.7, box=(14.0, 10.0, 50.0, 50.0)), FOUND[1]), ""),
        ((replace(FOUND[0], score=0.6), FOUND[1]), "score off by 0.20"),
        ((replace(FOUND[0], box=(40.0, 10.0, 80.0, 50.0)), FOUND[1]), "missing or at another place"),
        ((replace(FOUND[0], index=1), FOUND[1]), "missing or at another place"),
        (FOUND[:1], "missing or at another place"),
        ((), "missing or at another place"),
        (
            (*FOUND, Detection(0, "x", 0.35, (0.0, 60.0, 20.0, 90.0))),
            "",
        ),  # near the score from which objects are listed
        ((*FOUND, Detection(0, "x", 0.5, (0.0, 60.0, 20.0, 90.0))), "an object too many, with a score of 0.50"),
        ((*FOUND, Detection(0, "x", 0.75, (12.0, 10.0, 50.0, 50.0))), ""),  # two boxes for one place
    ],
)
def test_objects_are_those_expected_up_to_the_tolerances(found: tuple[Detection, ...], reason: str) -> None:
    difference = compare_objects(EXPECTED, found, tolerance=0.12, min_iou=0.5, min_score=0.3)
    assert reason in difference.reason and bool(reason) == bool(difference.reason)


def test_detector_finds_what_its_self_test_expects(tmp_path: Path) -> None:
    image = Frame(np.zeros((8, 8, 3), np.uint8), "RGB")
    image.pixels[2, 5] = (0, 230, 0)
    plain = ModelCard("dots", "detection", Preprocessing(8, 8, mean=(127.0,), std=(127.5,)), ("red", "green", "blue"))
    path = tmp_path / "detector.tflite"

    def written(card: ModelCard) -> Path:
        path.unlink(missing_ok=True)
        flatbuffer = (TESTS / "data" / "detector.tflite").read_bytes()
        model_file.write(path, flatbuffer, card, {"selftest/0.png": encode_png(image)})
        return path

    with open_model(written(plain)) as model:
        digest, found = tensor_sha256(model.prepare(image)), model.predict(image, threshold=0.3).objects
    assert [one.name for one in found] == ["green"]
    objects = tuple(ExpectedObject(one.index, one.score, one.box) for one in found)
    test = DetectorSelfTest((DetectorCase("selftest/0.png", digest, objects),), 0.1, 0.5, 0.3)
    with open_model(written(plain.with_(selftest=test))) as model:
        assert check(model).describe() == "1 of 1 images as expected; scores within 0.000 (allowed 0.1)"
    other = test._replace(cases=(test.cases[0]._replace(objects=(objects[0]._replace(class_index=2),)),))
    with open_model(written(plain.with_(selftest=other))) as model:
        assert "missing or at another place" in check(model).describe()
    moved = test._replace(cases=(test.cases[0]._replace(tensor_sha256="00"),))
    with open_model(written(plain.with_(selftest=moved))) as model:
        assert "different input tensor" in check(model).describe()
