"""Key points and masks of objects in a frame of another shape than the model's input."""

from __future__ import annotations

import json

import numpy as np
import pytest

from edgevision.model_file.card import DetectorOutput, ModelCard
from edgevision.postprocessing.decoder import open_decoder
from edgevision.postprocessing.segmentation import UNSEEN
from edgevision.preprocessing.spec import Preprocessing, Resize
from edgevision.tflite.outputs import OutputFacts
from edgevision.types import Detection, TensorSpec

SIDE = 64
CELLS = 64 + 16 + 4
FRAME = (128, 64)
"""Width and height. A letterbox halves it, with borders of 16 above and below; a crop takes the middle 64x64."""


def decode(layout: str, resize: Resize, *outputs: np.ndarray, **about: object) -> Detection:
    card = ModelCard("m", "detection", Preprocessing(SIDE, SIDE, resize=resize), detector=DetectorOutput(layout))
    specs = [TensorSpec(f"out{n}", output.shape, "float32") for n, output in enumerate(outputs)]
    text = json.dumps({"author": "Ultralytics", **about}).encode()
    decoder = open_decoder(card, specs, OutputFacts(files={"metadata.json": text}))
    (found,) = decoder.decode(outputs, FRAME, 5, 0.5).objects
    return found


def table(*values: float) -> np.ndarray:
    """Return a box over the middle of the input, 0..1, with a score of 0.9 and these values; all others score nothing."""
    output = np.zeros((1, 5 + len(values), CELLS), np.float32)
    output[0, :2] = 0.5
    output[0, :, 20] = [0.5, 0.5, 0.5, 0.25, 0.9, *values]
    return output


@pytest.mark.parametrize(("resize", "places"), [("letterbox", [(32, 16), (128, 64)]), ("crop", [(48, 24), (96, 48)])])
def test_key_points_are_in_pixels_of_the_frame(resize: Resize, places: list[tuple[float, float]]) -> None:
    output = table(0.25, 0.375, 1.0, 1.0, 0.75, 0.25, np.nan, 0.5, 0.7)
    found = decode("yolo-pose", resize, output, task="pose", kpt_shape=[3, 3], kpt_names={"0": ["a", "b", "c"]})
    if resize == "crop":
        places = [(32 + 16, 24), (32 + 64, 48)]
    assert [(point.name, point.x, point.y) for point in found.keypoints] == [("a", *places[0]), ("b", *places[1])]
    assert [point.score for point in found.keypoints] == [1.0, 0.25]
    assert found.mask is None


def test_mask_covers_the_frame_without_the_border_of_a_letterbox() -> None:
    shared = np.ones((1, 16, 16, 2), np.float32)
    shared[0, :, 8:, 0] = -1.0  # the right half of the input is not the object
    found = decode("yolo-segmentation", "letterbox", table(1.0, 0.0), shared, task="segment")
    assert found.box == (32.0, 16.0, 96.0, 48.0)
    assert found.mask is not None
    assert found.mask.shape == (8, 16)  # 16 rows less 4 of each border
    expected = np.zeros((8, 16), np.uint8)
    expected[2:6, 4:8] = 1  # the left half of the box
    np.testing.assert_array_equal(found.mask, expected)


def test_mask_says_what_a_crop_did_not_show() -> None:
    shared = np.ones((1, 16, 16, 2), np.float32)
    found = decode("yolo-segmentation", "crop", table(1.0, 0.0), shared, task="segment")
    assert found.mask is not None
    assert found.mask.shape == (16, 32)
    assert (found.mask[:, :8] == UNSEEN).all()
    assert (found.mask[:, 24:] == UNSEEN).all()
    assert found.mask[8, 16] == 1
    assert found.mask[0, 16] == 0
