"""The description of Ultralytics is read in its three forms; nothing in it can run, hang or fill the memory."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgevision.errors import BadInput
from edgevision.output_layouts.ultralytics_metadata import Description, parse

NAMES = st.lists(
    st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zl", "Zp")), max_size=20), max_size=9
)

VALUES = st.recursive(
    st.integers() | st.text(max_size=5) | st.none(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=3), inner),
)


@given(NAMES, st.sampled_from(["detect", "classify"]), st.integers(1, 8192))
def test_all_forms_are_read_alike(names: list[str], task: str, side: int) -> None:
    expected = Description("Ultralytics", task, (side, 64), tuple(names), "YOLO")
    fields = {"author": "Ultralytics", "description": "YOLO", "task": task, "imgsz": [side, 64], "args": {}}
    numbered = dict(enumerate(names))
    assert parse(json.dumps(fields | {"names": numbered}), "metadata.json") == expected
    assert parse(repr(fields | {"names": numbered}), "temp_meta.txt") == expected
    assert parse(repr(fields | {"names": names}), "temp_meta.txt") == expected


def test_yaml_as_ultralytics_writes_it() -> None:
    text = (
        "description: Ultralytics YOLO11n model\nauthor: Ultralytics\ndate: '2025-03-30T10:33:43'\nversion: 8.3.98\n"
        "license: AGPL-3.0 License (https://ultralytics.com/license)\nstride: 32\ntask: detect\nbatch: 1\n"
        "imgsz:\n- 256\n- 320\nnames:\n  0: platelet\n  1: 'it''s: red'\n  2: wbc\nargs:\n  int8: true\n"
    )
    names = ("platelet", "it's: red", "wbc")
    assert parse(text, "metadata.yaml") == Description(
        "Ultralytics", "detect", (256, 320), names, "Ultralytics YOLO11n model"
    )


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('true')",
        "[" * 10_000,
        "-" * 100_000 + "1",
        "not " * 100_000 + "1",
        "(" * 150 + ")" * 150,
        "{'names': {0: 'a', 2: 'c'}}",
        "{'names': {'x': 'a'}}",
        "{'names': {0: 1}}",
        "{'imgsz': [1, 2, 3]}",
        "{'imgsz': [0, 64]}",
        "{'imgsz': 1e9}",
        "{'description': " + repr("a" * 2000) + "}",
        "[1]",
        "",
        "a.b" * 1000,
        "lambda: 1",
    ],
)
def test_what_is_no_description_is_one_line(text: str) -> None:
    with pytest.raises(BadInput, match=r"temp_meta\.txt") as failed:
        parse(text, "temp_meta.txt")
    assert "\n" not in str(failed.value)


@given(st.text(max_size=300), st.sampled_from(["metadata.json", "temp_meta.txt", "metadata.yaml"]))
def test_any_text_is_read_or_refused(text: str, name: str) -> None:
    try:
        parse(text, name)
    except BadInput:
        return


@given(VALUES)
def test_any_value_is_read_or_refused(value: object) -> None:
    for field in ("names", "imgsz", "task", "author"):
        try:
            parse(repr({field: value}), "temp_meta.txt")
        except BadInput:
            continue
