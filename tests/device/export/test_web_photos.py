"""The exported app and Python give the same bytes and answers for real photos: a classifier, a detector and a segmenter."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("websocket")
import chromium
from chromium import browser
from web_app import exported, open_test_model, predict, served, start

from edgevision import open_model
from edgevision.model import Model
from edgevision.preprocessing.decode import read
from edgevision.selftest import tensor_sha256
from edgevision.types import Frame, Prediction

pytestmark = [
    pytest.mark.slow,  # half a minute of processor time for each model
    pytest.mark.skipif(chromium.PROGRAM is None, reason="Chromium is not installed; run: make packages"),
]
PHOTOS = 100
MODELS = {
    "classifier": ("mobilenet_v1_0.25_224_quant_with_metadata.tflite", "cats_and_dogs/test"),
    "detector": ("coco_ssd_mobilenet_v1_1.0_quant_with_metadata.tflite", "detection"),
    "segmenter": ("deeplabv3_mnv2_dm05_pascal_quant.tflite", "cats_and_dogs/test"),
}
THRESHOLD = 0.3


@pytest.mark.parametrize("kind", MODELS)
def test_browser_and_python_agree_on_photos(kind: str, shared: Path, tmp_path: Path) -> None:
    name, data = MODELS[kind]
    photos = sorted((shared / "data" / data).rglob("*.jpg"))
    photos = [photos[n * len(photos) // PHOTOS] for n in range(PHOTOS)]
    assert len(set(photos)) == PHOTOS
    exported(shared / "models" / name, tmp_path / "site")
    with (
        served(tmp_path / "site") as url,
        browser(tmp_path) as page,
        open_model(shared / "models" / name) as model,
    ):
        start(page, url)
        assert page.text("#self-test") == "self-test passed"
        open_test_model(page)
        differences = [found for photo in photos if (found := _differences(page, model, photo))]
    print(
        f"{kind}: {PHOTOS - len(differences)} of {PHOTOS} photos with equal inputs, outputs and answers: {differences[:5]}"
    )
    assert not differences


def _differences(page: chromium.Page, model: Model, photo: Path) -> str:
    """Return what differs between the browser and Python; empty if nothing does."""
    frame = read(photo)
    pixels = frame.pixels[..., ::-1] if frame.order == "BGR" else frame.pixels
    frame = Frame(np.ascontiguousarray(pixels), "RGB")
    answer = predict(page, frame, THRESHOLD)
    tensor = model.prepare(frame)
    outputs = [one.astype(np.int32) if one.dtype == np.int64 else one for one in model.engine.infer(tensor)]
    if answer["raw"]["input"] != tensor_sha256(tensor):
        return f"{photo.name}: input"
    if answer["raw"]["outputs"] != [tensor_sha256(output) for output in outputs]:
        return f"{photo.name}: output"
    return "" if _same(answer, model.predict(frame, threshold=THRESHOLD)) else f"{photo.name}: answer"


def _same(answer: dict[str, Any], expected: Prediction) -> bool:
    if expected.mask is not None:
        regions = [{"index": one.index, "name": one.name, "area": one.area} for one in expected.regions]
        return np.array_equal(answer["mask"], expected.mask) and answer["regions"] == regions
    if expected.task == "detection":
        found = [{"index": o.index, "name": o.name, "score": o.score, "box": list(o.box)} for o in expected.objects]
        return bool(answer["objects"] == found)
    labels = [{"index": one.index, "name": one.name, "score": one.score} for one in expected.labels]
    return bool(answer["labels"] == labels)
