"""``edgevision convert --with-embedding``: the features as a second output of a converted network."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_line import edgevision
from edgevision.convert import backend
from edgevision.convert.pipeline import ConvertOptions, convert
from edgevision.convert.quantization.embedding_output import add_embedding
from edgevision.convert.quantization.ptq import to_float
from edgevision.convert.source_model.float_model import FloatModel

from edgevision import open_model, selftest
from edgevision.errors import BadModel
from edgevision.model_file import model_file
from edgevision.postprocessing import feature_vector
from edgevision.postprocessing.drift_vector import spread
from edgevision.preprocessing import decode
from edgevision.preprocessing.spec import Preprocessing
from edgevision.tflite.graph import read_graph
from edgevision.types import Frame

pytestmark = pytest.mark.tensorflow
SIDE = 32


def network(*tail: Any) -> Any:
    keras = backend.keras()
    keras.utils.set_random_seed(5)
    layers = keras.layers
    body = [layers.Rescaling(1 / 127.5, -1.0), layers.Conv2D(12, 3, strides=2, activation="relu")]
    return keras.Sequential([keras.Input((SIDE, SIDE, 3)), *body, *tail])


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    chance = np.random.default_rng(1)
    for number in range(40):
        small = chance.integers(0, 256, (6, 6, 3), np.uint8)
        frame = Frame(np.kron(small, np.ones((8, 8, 1), np.uint8)).astype(np.uint8), "RGB")
        (folder / f"{number}.png").write_bytes(decode.encode_png(frame))
    return folder


@pytest.fixture(scope="module")
def converted(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, dict[str, Any]]:
    """The same network without and with the second output, and the report of the second conversion."""
    layers, folder = backend.keras().layers, tmp_path_factory.mktemp("model")
    model = folder / "net.keras"
    network(layers.GlobalAveragePooling2D(), layers.Dense(3, activation="softmax")).save(model)
    plain, with_ = folder / "plain.tflite", folder / "with.tflite"
    options = ConvertOptions(model, photos, calibration_count=20, effort="low", output=plain)
    convert(options)
    report = convert(replace(options, output=with_, with_embedding=True))
    assert any("MediaPipe and ML Kit accept only one output" in note for note in report.notes)
    return plain, with_, report.to_json()


def test_scores_are_identical_with_the_second_output(
    converted: tuple[Path, Path, dict[str, Any]], photos: Path
) -> None:
    plain, with_, _ = converted
    with open_model(plain, threads=1) as one, open_model(with_, threads=1) as other:
        for path in sorted(photos.iterdir())[:10]:
            frame = decode.read(path)
            tensor = one.prepare(frame)
            assert (one.engine.infer(tensor)[0] == other.engine.infer(tensor)[0]).all()
        assert selftest.check(other).ok


def test_second_output_is_the_pooled_features(converted: tuple[Path, Path, dict[str, Any]]) -> None:
    _, with_, report = converted
    file = model_file.read(with_)
    assert file.card is not None
    assert file.card.embedding is not None
    assert report["embedding"] == {"output": 1, "tensor": file.card.embedding.tensor, "size": 12}
    assert read_graph(file.flatbuffer).all_int8
    assert file.outputs[1].dtype == "int8"
    assert len(file.files[feature_vector.REFERENCES]) == 20 * 12
    assert file.metadata is not None
    assert [tensor.name for tensor in file.metadata.outputs] == ["probability", "embedding"]
    with open_model(with_, threads=1) as model:
        vectors = feature_vector.EmbeddingOutputReader(model.card, model.engine.outputs).references(file.files)
        assert np.linalg.norm(vectors, axis=1) == pytest.approx(np.ones(20), abs=1e-5)
        dark, bright = (model.embed(np.full((50, 50, 3), level, np.uint8)) for level in (10, 240))
        assert not np.allclose(dark, bright, atol=0.05)


def float_model(keras_model: Any) -> bytes:
    return to_float(FloatModel(keras_model, Preprocessing(SIDE, SIDE), None, None))


def test_last_layer_may_be_a_convolution_or_a_second_dense_layer() -> None:
    layers = backend.keras().layers
    pool = layers.GlobalAveragePooling2D(keepdims=True)
    by_convolution = network(pool, layers.Conv2D(3, 1), layers.Flatten(), layers.Softmax())
    assert add_embedding(float_model(by_convolution)).output.size == 12
    two = network(layers.Flatten(), layers.Dense(7, activation="relu"), layers.Dense(3, activation="sigmoid"))
    assert add_embedding(float_model(two)).output.size == 7


def test_missing_features_are_reported_before_the_long_work(photos: Path, tmp_path: Path) -> None:
    layers = backend.keras().layers
    pooled_scores = network(layers.Conv2D(3, 1), layers.GlobalAveragePooling2D(), layers.Softmax())
    with pytest.raises(BadModel, match="come from MEAN"):
        add_embedding(float_model(pooled_scores))
    path = tmp_path / "net.keras"
    pooled_scores.save(path)
    options = ("--calibration", photos, "-o", tmp_path / "x.tflite", "--with-embedding")
    done = edgevision("convert", path, *options, cwd=tmp_path)
    assert done.returncode == 1
    assert "no feature vector to learn new classes from" in done.stderr.splitlines()[-1]
    assert not (tmp_path / "x.tflite").exists()


def test_card_has_what_the_calibration_images_answer(
    converted: tuple[Path, Path, dict[str, Any]], photos: Path
) -> None:
    plain, with_, _ = converted
    with open_model(plain) as one, open_model(with_) as other:
        assert one.card.drift is not None
        assert set(one.card.drift.measures) == {"scores"}
        assert other.card.drift is not None
        known = other.card.drift.measures
        assert (set(known), other.card.drift.images) == ({"features", "scores"}, 20)
        assert one.card.drift.measures["scores"] == known["scores"]
        reader, found = other.drift_reader(), []
        for path in photos.iterdir():
            frame = decode.read(path)
            found.append(reader.read(other.engine.infer(other.prepare(frame)), (frame.width, frame.height)))
        for name, one_measure in known.items():
            vectors = np.stack([each[name] for each in found])
            assert np.linalg.norm(vectors.mean(axis=0) - one_measure.mean) < one_measure.spread
            assert 0.5 < spread(vectors) / one_measure.spread < 2
