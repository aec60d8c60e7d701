"""The embedding decoder: from a model's output to a vector of length 1."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from edgevision import open_model
from edgevision.errors import BadModel
from edgevision.inspection import add_card
from edgevision.model_file.card import ModelCard
from edgevision.postprocessing.decoder import open_decoder
from edgevision.preprocessing.spec import Preprocessing
from edgevision.types import TensorSpec

CARD = ModelCard("test", "embedding", Preprocessing(4, 4), activation="none")


def embed(values: np.ndarray, spec: TensorSpec) -> tuple[float, ...]:
    return open_decoder(CARD, [spec]).decode([values], (4, 4), 5, None).embedding


def test_embedding_of_small_model_is_mean_color(data: Path, tmp_path: Path) -> None:
    path = tmp_path / "embedder.tflite"
    add_card.write(
        add_card.new_card(data / "embedder.tflite", add_card.CardOptions(task="embedding", resize="stretch")), path
    )
    with open_model(path, threads=1) as model:
        found = model.predict(np.full((32, 48, 3), (150, 0, 200), np.uint8))
        again = model.predict(np.full((99, 10, 3), (75, 0, 100), np.uint8))
    assert found.task == "embedding"
    assert found.labels == ()
    assert found.embedding == pytest.approx((0.6, 0.0, 0.8), abs=1e-3)
    # Only the direction matters.
    assert again.embedding == pytest.approx(found.embedding, abs=0.01)


@given(arrays(np.float32, (1, 1, 1, 6), elements=st.floats(-1e6, 1e6, width=32)))
def test_embedding_has_length_one(values: np.ndarray) -> None:
    found = np.array(embed(values, TensorSpec("out", (1, 1, 1, 6), "float32")))
    assert found.shape == (6,)
    if np.linalg.norm(values.astype(np.float64)) > 0:  # in float32, the squares of the smallest numbers are 0
        assert np.linalg.norm(found) == pytest.approx(1.0, abs=1e-5)
        assert (found * values.reshape(-1) >= 0).all()
    else:
        assert not found.any()


def test_quantized_vector_is_dequantized() -> None:
    spec = TensorSpec("out", (1, 2), "uint8", 0.5, 128)
    assert embed(np.array([[131, 124]], np.uint8), spec) == (0.6, -0.8)


def test_nan_and_infinity_are_refused() -> None:
    with pytest.raises(BadModel, match="NaN or infinite"):
        embed(np.array([[1.0, np.nan]], np.float32), TensorSpec("out", (1, 2), "float32"))


@pytest.mark.parametrize("shape", [(), (1,), (1, -1)])
def test_output_without_fixed_size_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(BadModel, match="not a vector"):
        open_decoder(CARD, [TensorSpec("out", shape, "float32")])
