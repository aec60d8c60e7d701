"""Training, calibration, evaluation and the device see the same bytes of an image, each through its own code path."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

pytest.importorskip("tensorflow", reason="needs the convert extra: pip install 'edgevision[convert]'")
pytestmark = pytest.mark.tensorflow

from edgevision.convert.images.calibration import Picture, file_sha256
from edgevision.convert.images.preprocessed import prepare_all
from edgevision.convert.training.input.batches import Examples, source_of
from edgevision.convert.training.input.image_cache import open_pixels
from edgevision.device.cameras.registry import open_source

from edgevision.datasets.dataset import open_dataset
from edgevision.evaluation.scoring import score
from edgevision.model import Model
from edgevision.model_file.card import ModelCard
from edgevision.preprocessing import decode
from edgevision.preprocessing.spec import Preprocessing
from edgevision.types import Frame, TensorSpec

SIZES = ((97, 61), (33, 140), (301, 200), (64, 64), (17, 19))
"""Width and height: odd sizes, smaller and larger than the input."""
RULES = {
    "stretch": Preprocessing(48, 32, mean=(127.5,), std=(127.5,)),
    "crop": Preprocessing(32, 40, resize="crop", crop_fraction=0.875, mean=(127.5,), std=(127.5,)),
    "letterbox": Preprocessing(40, 40, resize="letterbox", fill=114, mean=(127.5,), std=(127.5,)),
    "letterbox top left": Preprocessing(40, 24, resize="letterbox", align="top_left", std=(255.0,)),
    "gray": Preprocessing(28, 28, channels=1, order="GRAY", std=(255.0,)),
    "per channel": Preprocessing(31, 33, order="BGR", mean=(103.9, 116.8, 123.7), std=(57.0, 58.0, 59.0)),
}


def encoded(pixels: np.ndarray, suffix: str) -> bytes:
    return bytes(cv2.imencode(suffix, pixels)[1])


def turned(jpeg: bytes, orientation: int) -> bytes:
    """Add one EXIF field, Orientation (TIFF tag 0x0112), to a JPEG."""
    field = bytes([0x12, 0x01, 3, 0, 1, 0, 0, 0, orientation, 0, 0, 0])
    body = b"Exif\0\0" + b"II*\0" + bytes([8, 0, 0, 0, 1, 0]) + field + bytes(4)
    return jpeg[:2] + b"\xff\xe1" + (len(body) + 2).to_bytes(2, "big") + body + jpeg[2:]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Create a folder with images of every kind that a camera or a user may have, all of one class."""
    root = tmp_path_factory.mktemp("pictures")
    chance = np.random.default_rng(11)
    files: dict[str, bytes] = {}
    for width, height in SIZES:
        smooth = cv2.blur(chance.integers(0, 256, (height, width, 3)).astype(np.uint8), (5, 5))
        files[f"{width}x{height}.png"] = encoded(smooth, ".png")
        files[f"{width}x{height}.jpg"] = encoded(smooth, ".jpg")
    for orientation in range(1, 9):
        files[f"turned{orientation}.jpg"] = turned(files["97x61.jpg"], orientation)
    files["gray.png"] = encoded(chance.integers(0, 256, (51, 77)).astype(np.uint8), ".png")
    files["gray.jpg"] = encoded(chance.integers(0, 256, (51, 77)).astype(np.uint8), ".jpg")
    files["alpha.png"] = encoded(chance.integers(0, 256, (63, 45, 4)).astype(np.uint8), ".png")
    files["deep.png"] = encoded(chance.integers(0, 65536, (45, 63, 3)).astype(np.uint16), ".png")
    for name, data in files.items():
        (root / "a").mkdir(exist_ok=True)
        (root / "a" / name).write_bytes(data)
    (root / "b").mkdir()
    (root / "b" / "other.png").write_bytes(files["64x64.png"])
    return root


class Recorder:
    """An engine that records its inputs."""

    runtime, version, threads = "recorder", None, None

    def __init__(self, preprocessing: Preprocessing, floats: bool) -> None:
        shape = (1, preprocessing.height, preprocessing.width, preprocessing.channels)
        scale, zero = 1 / preprocessing.std[0], round(preprocessing.mean[0])
        self.inputs = [
            TensorSpec("image", shape, "float32") if floats else TensorSpec("image", shape, "uint8", scale, zero)
        ]
        self.outputs = [TensorSpec("scores", (1, 2), "float32")]
        self.fed: list[np.ndarray] = []

    def infer(self, tensor: np.ndarray) -> list[np.ndarray]:
        self.fed.append(tensor.copy())
        return [np.array([[0.25, 0.75]], np.float32)]

    def close(self) -> None:
        pass


def model(preprocessing: Preprocessing, floats: bool) -> tuple[Model, Recorder]:
    engine = Recorder(preprocessing, floats)
    card = ModelCard("m", "classification", preprocessing, ("a", "b"), "softmax")
    return Model(Path("m.tflite"), card, engine, "0" * 64), engine


def on_the_device(folder: Path, preprocessing: Preprocessing, floats: bool) -> np.ndarray:
    """Return the inputs of a model when the loop reads a folder."""
    asked, engine = model(preprocessing, floats)
    source = open_source(str(folder))
    for frame in source:
        assert isinstance(frame, Frame)
        asked.predict(frame)
    source.close()
    return np.concatenate(engine.fed)


def in_evaluation(folder: Path, preprocessing: Preprocessing, floats: bool) -> np.ndarray:
    asked, engine = model(preprocessing, floats)
    score([asked], items(folder))
    return np.concatenate(engine.fed)


def in_calibration(folder: Path, preprocessing: Preprocessing) -> np.ndarray:
    found = [Picture(path, file_sha256(path)) for path in decode.find(folder)]
    return prepare_all(found, preprocessing, lambda done: None)


def items(folder: Path) -> Any:
    return sorted(open_dataset(folder).items, key=lambda item: item.path)


def in_training(folder: Path, preprocessing: Preprocessing, place: str, scratch: Path) -> tuple[np.ndarray, np.ndarray]:
    """Return the cached bytes and the real values that the network receives."""
    found = items(folder)
    kept = open_pixels(found, preprocessing, place, scratch, lambda note: None)
    every = np.arange(len(found))
    examples = Examples(
        kept, preprocessing, every, np.zeros((len(found), 2), np.float32), np.ones(len(found), np.float32)
    )
    fed = np.concatenate([pixels.numpy() for pixels, _, _ in source_of(examples, 5).batches(every)])
    rows = np.array(kept.rows(every))
    kept.close()
    return rows, fed


@pytest.mark.parametrize("name", RULES)
def test_image_gives_the_same_bytes_everywhere(folder: Path, name: str, tmp_path: Path) -> None:
    preprocessing = RULES[name]
    plain = replace(preprocessing, mean=(0.0,), std=(1.0,))  # compare bytes, without normalization
    device = on_the_device(folder, plain, floats=False)
    assert device.dtype == np.uint8
    assert len(device) == len(items(folder)) == 23
    assert len({one.tobytes() for one in device}) > 15  # a decoder that always returns the same image would fail here
    assert np.array_equal(device, in_evaluation(folder, plain, floats=False))
    assert np.array_equal(device, in_calibration(folder, preprocessing))
    for place in ("memory", "disk", "none"):
        assert np.array_equal(device, in_training(folder, plain, place, tmp_path)[0])


@pytest.mark.parametrize("name", RULES)
def test_image_gives_the_same_real_values_everywhere(folder: Path, name: str, tmp_path: Path) -> None:
    """Training feeds the network the same values, bit for bit, as the device feeds a float model."""
    preprocessing = RULES[name]
    device = on_the_device(folder, preprocessing, floats=True)
    assert device.dtype == np.float32
    assert np.array_equal(device, in_evaluation(folder, preprocessing, floats=True))
    if preprocessing.scalar:  # training supports no other normalization
        assert np.array_equal(device, in_training(folder, preprocessing, "memory", tmp_path)[1])


def test_quantized_input_receives_the_same_bytes(folder: Path) -> None:
    """A scalar mean and std equal the input's quantization, so the stored values are the bytes of the image."""
    for name in ("stretch", "crop", "letterbox", "gray"):
        preprocessing = RULES[name]
        assert np.array_equal(on_the_device(folder, preprocessing, floats=False), in_calibration(folder, preprocessing))


def test_keras_model_is_scored_on_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    """Use a .keras file as ``evaluate`` does."""
    from edgevision.convert import backend
    from edgevision.convert.keras_files.embedded_card import save_keras
    from edgevision.convert.keras_scorer import open_keras

    preprocessing = RULES["crop"]
    keras = backend.keras()
    flat = keras.Sequential(
        [
            keras.Input((preprocessing.height, preprocessing.width, 3)),
            keras.layers.Conv2D(
                2, 1
            ),  # a Flatten first would take bytes, and the normalization would move into the graph
            keras.layers.Flatten(),
            keras.layers.Dense(2, "softmax"),
        ]
    )
    save_keras(flat, ModelCard("m", "classification", preprocessing, ("a", "b"), "softmax"), tmp_path / "m.keras")
    scorer = open_keras(tmp_path / "m.keras")
    run, fed = scorer._run, []

    def recording(tensor: Any) -> Any:
        fed.append(tensor.numpy())
        return run(tensor)

    scorer._run = recording
    score([scorer], items(folder))
    assert np.array_equal(np.concatenate(fed), on_the_device(folder, preprocessing, floats=True))
