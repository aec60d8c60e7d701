"""Conversion of scores to labels: every kind of last layer, ties and thresholds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgevision import open_model
from edgevision.errors import BadModel
from edgevision.model_file.card import ModelCard
from edgevision.postprocessing import classification
from edgevision.postprocessing.decoder import open_decoder
from edgevision.preprocessing import decode as pictures
from edgevision.preprocessing.spec import Preprocessing
from edgevision.tflite.outputs import classes
from edgevision.types import Label, TensorSpec

FLOAT = TensorSpec("out", (1, 4), "float32")
QUANTIZED = TensorSpec("out", (1, 4), "uint8", 1 / 256, 0)


def card(activation: str = "softmax", labels: tuple[str, ...] = ("a", "b", "c", "d")) -> ModelCard:
    return ModelCard("test", "classification", Preprocessing(4, 4), labels, activation)


def labels(output: np.ndarray, spec: TensorSpec, card: ModelCard, top: int, threshold: float) -> tuple[Label, ...]:
    return open_decoder(card, [spec]).decode([output], (4, 4), top, threshold).labels


def decode(
    values: list[float], spec: TensorSpec = FLOAT, activation: str = "softmax", threshold: float = 0.0
) -> list[tuple]:
    found = labels(np.array([values], spec.dtype), spec, card(activation), 3, threshold)
    return [(label.index, label.name, pytest.approx(label.score, abs=1e-4)) for label in found]


def test_labels_are_best_first_and_ties_go_to_the_lowest_index() -> None:
    assert decode([0.1, 0.4, 0.4, 0.1]) == [(1, "b", 0.4), (2, "c", 0.4), (0, "a", 0.1)]


def test_quantized_scores_are_scaled() -> None:
    assert decode([0, 128, 64, 64], QUANTIZED)[:1] == [(1, "b", 0.5)]


def test_logits_become_probabilities() -> None:
    found = decode([0.0, np.log(3.0), 0.0, -1000.0], activation="logits")
    assert found == [(1, "b", 0.6), (0, "a", 0.2), (2, "c", 0.2)]


def test_multilabel_logits_become_probabilities() -> None:
    assert decode([0.0, 1000.0, -1000.0, 0.0], activation="sigmoid_logits")[:1] == [(1, "b", 1.0)]


@pytest.mark.parametrize(("value", "best"), [(0.9, "yes"), (0.2, "no")])
def test_single_sigmoid_output_becomes_two_classes(value: float, best: str) -> None:
    spec = TensorSpec("out", (1, 1), "float32")
    both = card("sigmoid", ("no", "yes"))
    found = labels(np.array([[value]], np.float32), spec, both, 5, 0.0)
    assert found[0].name == best
    assert sum(label.score for label in found) == pytest.approx(1.0)
    assert classes(spec, "sigmoid") == 2


def test_no_label_below_the_threshold() -> None:
    assert decode([0.4, 0.3, 0.2, 0.1], threshold=0.5) == []


def test_missing_labels_are_replaced_by_class_numbers() -> None:
    found = labels(np.array([[0, 1, 0, 0]], np.float32), FLOAT, card(labels=()), 1, 0.0)
    assert found[0].name == "1"


@pytest.mark.parametrize("shape", [(1, 20, 4), (1, -1), (1, 7, 7, 21)])
def test_other_outputs_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(BadModel, match="not a list of class scores"):
        classes(TensorSpec("out", shape, "float32"), "softmax")


def test_pooled_shape_is_accepted() -> None:
    assert classes(TensorSpec("out", (1, 1, 1, 1001), "uint8"), "softmax") == 1001


@pytest.mark.parametrize("kind", ["quant", "float"])
def test_real_classifier_runs_with_its_metadata(shared: Path, kind: str) -> None:
    frame = pictures.read(shared / "data" / "pictures" / "cat.bmp")
    with open_model(shared / "models" / f"mobilenet_v1_0.25_224_{kind}_with_metadata.tflite", threads=1) as model:
        found = model.predict(frame)
    assert [label.name for label in found.labels][:2] == ["Egyptian cat", "tabby"]
    assert [label.index for label in found.labels][:2] == [286, 282]


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(["uint8", "int8"]),
    st.sampled_from(["softmax", "sigmoid", "none"]),
    st.lists(st.integers(0, 255), min_size=2, max_size=60),
    st.integers(1, 70),
    st.sampled_from([0.0, 0.1, 0.25, 0.3, 0.5, 1.0]),
)
def test_score_table_equals_computed_scores(
    dtype: str, activation: str, stored: list[int], top: int, threshold: float
) -> None:
    values = np.array([stored], np.uint8).view(dtype)
    spec = TensorSpec("out", values.shape, dtype, 1 / 255, 3 if dtype == "uint8" else -120)
    plain = card(activation, ())
    found = labels(values, spec, plain, top, threshold)
    computed = classification.best(classification.scores(values, spec, activation), plain, top, threshold)
    assert found == computed


@given(st.lists(st.integers(-(2**15), 2**15 - 1), max_size=60), st.integers(0, 70))
def test_leaders_equal_the_first_of_a_stable_sort(values: list[int], count: int) -> None:
    found = list(classification.leaders(np.array(values, np.int16), count))
    assert found == [(i, values[i]) for i in sorted(range(len(values)), key=lambda i: -values[i])[:count]]
