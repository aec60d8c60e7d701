"""The Python API: open a model file, predict, and refuse unusable input."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from changed_model import without_evidence

import edgevision
from edgevision.engines.interpreter import open_interpreter
from edgevision.errors import BadImage, BadInput, BadModel, EngineError, MissingFile
from edgevision.model_file import model_file
from edgevision.model_file.card import ModelCard
from edgevision.model_file.label_file import parse_labels
from edgevision.preprocessing.decode import encode_png
from edgevision.preprocessing.spec import Preprocessing
from edgevision.types import Frame


@pytest.fixture
def tiny(data: Path) -> Path:
    return data / "tiny.tflite"


def has_card(tiny: Path, folder: Path, **changes: object) -> Path:
    """Write a copy of the tiny model with a model card and return its path."""
    file = model_file.read(tiny)
    spec = file.inputs[0]
    preprocessing = Preprocessing(spec.shape[2], spec.shape[1], mean=(float(spec.zero_point),), std=(1 / spec.scale,))
    card = ModelCard("tiny", "classification", preprocessing, ("red", "green", "blue")).with_(**changes)
    path = folder / "carded.tflite"
    model_file.write(path, file.flatbuffer, card)
    return path


def test_predict_returns_labels_and_times(tiny: Path, tmp_path: Path) -> None:
    with edgevision.open_model(has_card(tiny, tmp_path), threads=1) as model:
        picture = np.random.default_rng(0).integers(0, 255, (40, 60, 3)).astype(np.uint8)
        found = model.predict(picture)
        assert found.task == "classification"
        assert sorted(label.name for label in found.labels) == ["blue", "green", "red"]
        assert sum(label.score for label in found.labels) == pytest.approx(1.0, abs=0.02)
        assert set(found.stages_ms) == {"prepare", "infer", "decode"}
        swapped = Frame(np.ascontiguousarray(picture[..., ::-1]), "BGR")
        assert model.predict(swapped).labels == found.labels
        assert len(model.predict(picture, top=1).labels) == 1
        assert model.predict(picture, threshold=1.0).top is None
    model.close()


def test_predict_uses_threshold_of_card(tiny: Path, tmp_path: Path) -> None:
    with edgevision.open_model(has_card(tiny, tmp_path, threshold=1.0)) as model:
        assert model.predict(np.zeros((20, 20, 3), np.uint8)).labels == ()


def test_infer_returns_copies(tiny: Path) -> None:
    engine = open_interpreter(tiny.read_bytes(), threads=1)
    shape = engine.inputs[0].shape
    (first,) = engine.infer(np.zeros(shape, np.uint8))
    kept = first.copy()
    engine.infer(np.full(shape, 255, np.uint8))
    assert np.array_equal(first, kept)


def test_predict_agrees_with_infer_on_prepared_tensor(tiny: Path, tmp_path: Path) -> None:
    """``predict`` writes directly into the runtime's memory; ``infer`` copies a tensor there."""
    rng = np.random.default_rng(3)
    with edgevision.open_model(has_card(tiny, tmp_path), threads=1) as model:
        for size in ((40, 60), (300, 200), model.engine.inputs[0].shape[1:3]):
            frame = Frame(rng.integers(0, 256, (*size, 3), np.uint8), "BGR")
            (expected,) = model.engine.infer(model.prepare(frame))
            model.predict(np.zeros((9, 9, 3), np.uint8))
            again = {label.index: label.score for label in model.predict(frame, top=3).labels}
            assert again == pytest.approx(dict(enumerate(model.engine.outputs[0].scale * expected[0])), abs=1e-5)


def test_predict_works_after_a_refused_frame(tiny: Path, tmp_path: Path) -> None:
    """The runtime does not run while its memory is referenced, even from the frames of an exception."""
    with edgevision.open_model(has_card(tiny, tmp_path), threads=1) as model:
        with pytest.raises(BadInput) as held:
            model.predict(np.zeros((20, 20, 4), np.uint8))
        assert model.predict(np.zeros((20, 20, 3), np.uint8)).top is not None
        assert held.value


def test_closed_model_is_refused(tiny: Path, tmp_path: Path) -> None:
    model = edgevision.open_model(has_card(tiny, tmp_path), threads=1)
    model.close()
    with pytest.raises(EngineError, match="closed"):
        model.predict(np.zeros((20, 20, 3), np.uint8))


@pytest.mark.parametrize("wrong", [np.zeros((20, 20, 3), np.float32), np.zeros((20, 20, 4), np.uint8)])
def test_predict_refuses_wrong_arrays(tiny: Path, tmp_path: Path, wrong: np.ndarray) -> None:
    with edgevision.open_model(has_card(tiny, tmp_path)) as model, pytest.raises(BadInput, match="must be uint8"):
        model.predict(wrong)


def test_predict_reads_an_image_file(tiny: Path, tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (40, 60, 3)).astype(np.uint8)
    path = tmp_path / "photo.png"
    path.write_bytes(encode_png(Frame(pixels, "RGB")))
    with edgevision.open_model(has_card(tiny, tmp_path)) as model:
        expected = model.predict(pixels).labels
        assert model.predict(path).labels == model.predict(str(path)).labels == expected
        with pytest.raises(MissingFile, match=r"image not found: cat\.jpg"):
            model.predict("cat.jpg")
        path.write_bytes(b"no image")
        with pytest.raises(BadImage, match="not an image"):
            model.predict(path)


def test_predict_refuses_another_type(tiny: Path, tmp_path: Path) -> None:
    with edgevision.open_model(has_card(tiny, tmp_path)) as model, pytest.raises(BadInput, match="got list"):
        model.predict([1, 2, 3])  # type: ignore[arg-type]


def test_open_model_without_a_path_opens_the_default_model() -> None:
    with edgevision.open_model() as model:
        assert model.path.name == "default.tflite" and model.has_card


def test_file_that_shows_no_preprocessing_is_refused_with_the_remedy(tmp_path: Path) -> None:
    bare = tmp_path / "bare.tflite"
    bare.write_bytes(without_evidence())
    with pytest.raises(BadModel, match="edgevision card"):
        edgevision.open_model(bare)


def test_changed_model_is_refused(tiny: Path, tmp_path: Path) -> None:
    path = has_card(tiny, tmp_path)
    damaged = bytearray(path.read_bytes())
    damaged[len(model_file.read(path).flatbuffer) // 2] ^= 0x55
    path.write_bytes(damaged)
    with pytest.raises(BadModel, match="changed after its card"):
        edgevision.open_model(path)


def test_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MissingFile, match="model not found"):
        edgevision.open_model(tmp_path / "absent.tflite")


def test_real_imagenet_classifier_recognizes_a_cat(shared: Path, tmp_path: Path) -> None:
    source = shared / "models" / "mobilenet_v2_1.0_224_quant.tflite"
    file = model_file.read(source)
    labels = parse_labels((shared / "models" / "imagenet_labels_1001.txt").read_bytes(), "labels")
    preprocessing = Preprocessing(224, 224, resize="crop", crop_fraction=0.875, mean=(128.0,), std=(128.0,))
    path = tmp_path / "v2.tflite"
    model_file.write(path, file.flatbuffer, ModelCard("v2", "classification", preprocessing, labels))
    from edgevision.preprocessing.decode import read

    with edgevision.open_model(path) as model:
        top = model.predict(read(shared / "data" / "pictures" / "cat.bmp")).top
    assert top is not None and top.index == 286 and top.name == "Egyptian cat" and top.score > 0.6
