"""The model card: a written card is read back, and a damaged one gives a one-line error."""

from __future__ import annotations

import json
from typing import Any

import pytest
from documents import parse
from hypothesis import given
from hypothesis import strategies as st

from edgevision.errors import BadModel
from edgevision.model_file.card import ModelCard, SelfTest, SelfTestCase
from edgevision.model_file.detector_selftest import DetectorCase, DetectorSelfTest, ExpectedObject
from edgevision.preprocessing.spec import Preprocessing

CARD = ModelCard(
    "cats",
    "classification",
    Preprocessing(96, 96, resize="crop", crop_fraction=0.875, mean=(127.5,), std=(127.5,)),
    ("cat", "dog", "Übergrößenträger"),
    threshold=0.5,
    selftest=SelfTest((SelfTestCase("selftest/0.png", "00" * 32, 1, (0.9, 0.1), (1, 0)),), 0.12),
    quantization={"pictures": 100},
    versions={"python": "3.11"},
)
OBJECTS = DetectorCase("selftest/0.png", "00" * 32, (ExpectedObject(1, 0.75, (1.0, 2.5, 30.0, 40.0)),))
DETECTOR = CARD.with_(task="detection", selftest=DetectorSelfTest((OBJECTS,), 0.12, 0.5, 0.3))


@pytest.mark.parametrize("card", [CARD, DETECTOR], ids=lambda card: card.task)
def test_card_survives_writing_and_reading(card: ModelCard) -> None:
    assert ModelCard.loads(card.dumps()) == card
    assert "host" not in card.to_json()
    parse(card.with_(quantization=None).dumps(), "card")


def test_self_test_of_a_detector_has_a_key_that_older_versions_ignore() -> None:
    value = DETECTOR.to_json()
    assert value["selftest"] is None and value["schema"] == "edgevision.card/2"
    del value["detector_selftest"]
    assert ModelCard.loads(json.dumps(value)) == DETECTOR.with_(selftest=None)


@pytest.mark.parametrize(
    ("path", "wrong", "said"),
    [
        (("tolerance",), 2, "detector_selftest.tolerance"),
        (("min_iou",), "x", "detector_selftest.min_iou"),
        (("cases",), [{}] * 2000, "at most 1000 items"),
        (("cases", 0, "objects"), [7], "expected an object"),
        (("cases", 0, "objects", 0, "box"), [1, 2, 3], "expected 4 numbers, got 3"),
        (("cases", 0, "objects", 0, "box"), [1, 2, 3, 1e308], "detector_selftest.box"),
        (("cases", 0, "objects", 0, "index"), 1.5, "detector_selftest.index"),
        (("cases", 0, "picture"), "x" * 2000, "at most 1000 characters"),
    ],
)
def test_self_test_of_a_detector_with_a_wrong_value_is_one_line(path: tuple[Any, ...], wrong: Any, said: str) -> None:
    value = DETECTOR.to_json()
    inner = value["detector_selftest"]
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = wrong
    with pytest.raises(BadModel, match=said):
        ModelCard.loads(json.dumps(value))


def test_unknown_keys_are_ignored() -> None:
    assert ModelCard.loads(json.dumps({**CARD.to_json(), "later": [1]})) == CARD


@pytest.mark.parametrize("key", ["rule", "preprocessing"])
@pytest.mark.parametrize("schema", ["edgevision.card/1", "edgevision.card/2"])
def test_older_cards_are_read(schema: str, key: str) -> None:
    value = CARD.to_json()
    preprocessing = value.pop("preprocessing")
    assert ModelCard.loads(json.dumps({**value, "schema": schema, key: preprocessing})) == CARD


def test_a_card_without_preprocessing_gives_an_error() -> None:
    value = CARD.to_json()
    del value["preprocessing"]
    with pytest.raises(BadModel, match="damaged: 'preprocessing'"):
        ModelCard.loads(json.dumps(value))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"schema": "edgevision.card/9"}, "update edgevision"),
        ({"task": "poetry"}, "unknown task"),
        ({"activation": "tanh"}, "unknown activation"),
        ({"preprocessing": {"width": 4}}, "the preprocessing has no height"),
        ({"preprocessing": 7}, "must be a JSON object"),
        ({"labels": [1, 2]}, "expected text"),
        ({"threshold": "high"}, "damaged"),
        ({"selftest": {"cases": [{}]}}, "damaged"),
    ],
)
def test_invalid_cards_give_a_one_line_error(change: dict[str, object], said: str) -> None:
    with pytest.raises(BadModel, match=said):
        ModelCard.loads(json.dumps({**CARD.to_json(), **change}))


@pytest.mark.parametrize("number", ["NaN", "1e999", "-Infinity"])
def test_nan_and_infinite_numbers_are_refused(number: str) -> None:
    text = CARD.dumps().replace('"threshold": 0.5', f'"threshold": {number}')
    with pytest.raises(BadModel, match=number):
        ModelCard.loads(text)


@given(st.text(max_size=200) | st.binary(max_size=200))
def test_any_other_text_gives_an_error(text: str | bytes) -> None:
    with pytest.raises(BadModel):
        ModelCard.loads(text)
