"""The reader of JSON from outside: what it refuses is one line, everything else is equal to json's."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgevision.errors import BadInput, BadModel
from edgevision.files import strict_json
from edgevision.model_file.card import ModelCard, SelfTest, SelfTestCase
from edgevision.preprocessing.spec import Preprocessing

CARD = ModelCard(
    "colors",
    "classification",
    Preprocessing(16, 16, mean=(127.5,), std=(127.5,)),
    ("red", "green", "blue"),
    threshold=0.25,
    selftest=SelfTest((SelfTestCase("selftest/0.png", "00", 1, (1.0,), (1,)),), 0.1),
    training={"epochs": 3},
)
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**62), 2**62)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(values)
def test_sound_json_is_read_as_json_reads_it(value: Any) -> None:
    assert strict_json.loads(json.dumps(value).encode(), "it") == value
    assert strict_json.loads(json.dumps(value, ensure_ascii=False), "it") == value


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"{", "Expecting"),
        (b"", "Expecting"),
        (b"\xff\xfe{}", "not UTF-8"),
        (b"NaN", "the number NaN"),
        (b"[-Infinity]", "the number -Infinity"),
        (b"1e999", "the number 1e999"),
        (b"1" + b"0" * 400, "401 digits"),
        (b"1" + b"0" * 5000, "5001 digits"),
        (b'{"a": 1, "a": 2}', "'a' occurs twice"),
        (b"[" * 65 + b"]" * 65, "nested too deeply"),
        (b"[" * 900 + b"]" * 900, "nested too deeply"),
        (b'{"a":' * 100_000, "nested too deeply"),
        (b'["\\ud800"]', "surrogate"),
        (b'{"\\udc00": 1}', "surrogate"),
        ('["\ud800"]', "surrogate"),
        (b" " * 101, "too large"),
    ],
)
def test_bad_json_is_one_line(text: bytes | str, said: str) -> None:
    with pytest.raises(BadInput, match=said) as caught:
        strict_json.loads(text, "the file", max_bytes=100 if said == "too large" else 10**6)
    message = str(caught.value)
    assert message.startswith("the file ")
    assert "\n" not in message
    assert message.encode()
    assert len(message) < 200


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (("name",), 3, "name: expected text"),
        (("labels",), "abc", "labels: expected a list"),
        (("labels", 1), "x" * 5_000_000, "label 1: expected at most 1000 characters"),
        (("threshold",), 10**18, "threshold: expected a number from 0 to 1"),
        (("threshold",), True, "threshold"),
        (("preprocessing", "width"), 16.0, "preprocessing width: 16.0"),
        (("preprocessing", "width"), True, "preprocessing width: True"),
        (("preprocessing", "fill"), 0.5, "preprocessing fill: 0.5"),
        (("preprocessing", "std"), [1e-300], "preprocessing std"),
        (("preprocessing", "mean"), [], "preprocessing mean"),
        (("preprocessing", "crop_fraction"), "1", "crop_fraction: .1."),
        (("selftest", "cases", 0, "indices"), [], "as many scores as indices"),
        (("selftest", "cases", 0, "indices"), [10**9], "selftest.indices"),
        (("selftest", "cases", 0, "top"), 1.5, "selftest.top"),
        (("selftest", "cases"), [{}] * 2000, "at most 1000 items"),
        (("selftest", "cases"), [{}], "'scores' is missing"),
        (("selftest", "cases"), [1], "selftest.cases: expected an object"),
        (("selftest", "tolerance"), 1e308, "selftest.tolerance"),
        (("embedding",), [1], "embedding: expected an object"),
        (("embedding",), {"output": 1.0, "tensor": "x", "size": 4}, "embedding.output"),
        (("versions",), [1], "versions: expected an object"),
        (("training",), "x", "training: expected an object"),
    ],
)
def test_card_with_a_wrong_value_is_one_line(path: tuple[Any, ...], value: Any, said: str) -> None:
    card = CARD.to_json()
    inner: Any = card
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    with pytest.raises(BadModel, match=said) as caught:
        ModelCard.loads(json.dumps(card))
    assert len(str(caught.value)) < 250


def test_sound_card_is_read() -> None:
    assert ModelCard.loads(CARD.dumps()) == CARD
