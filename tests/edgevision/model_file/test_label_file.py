"""Label files of other tools give the labels in the order of the class numbers, or a clear one-line error."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgevision.errors import BadInput
from edgevision.model_file.label_file import parse_labels

PETS = ("cat", "dog")


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ("cat\ndog\n", PETS),
        ("cat\r\ndog\r\n\r\n", PETS),
        ("cat\rdog\r", PETS),
        ("0 cat\n1 dog\n", PETS),
        ("0  cat\n1  dog", PETS),
        ("0\tcat\n1\tdog", PETS),
        ("0:cat\n1: dog", PETS),
        ("0,cat\n1,dog", PETS),
        ("index,label\n0,cat\n1,dog", PETS),
        ("0. cat\n1. dog", PETS),
        ("[0] cat\n[1] dog", PETS),
        ("00 cat\n01 dog", PETS),
        ("1 dog\n0 cat\n", PETS),
        ("1 dog\n\n0 cat\n", PETS),
        ("0 cat", ("cat",)),
        ("0 crane\n1 dog\n2 crane", ("crane", "dog", "crane")),
        ("10 Rupees Note\n20 Rupees Note", ("10 Rupees Note", "20 Rupees Note")),
        ("1 Euro\n2 Euro", ("1 Euro", "2 Euro")),
        ("0 fingers\n1 finger\n2 fingers", ("0 fingers", "1 finger", "2 fingers")),
        ("0 lights\n2 lamps\n4 torches", ("0 lights", "2 lamps", "4 torches")),
        ("0 cat\nother", ("0 cat", "other")),
        ("0\n1\n2", ("0", "1", "2")),
        ("7up\n3 musketeers", ("7up", "3 musketeers")),
        ("[unused]\ncat", ("[unused]", "cat")),
        ('["cat", "dog"]', PETS),
        ('{"dog": 1, "cat": 0}', PETS),
        ('{"1": "dog", "0": "cat"}', PETS),
        ('{"0": 0, "1": 1}', ("0", "1")),
        ('{"0": ["n01", "cat"], "1": ["n02", "dog"]}', PETS),
        ('{"tfjsVersion": "1.3.1", "labels": ["cat", "dog"]}', PETS),
        ('{"id2label": {"0": "cat", "1": "dog"}}', PETS),
    ],
)
def test_each_form_gives_the_labels_in_class_order(text: str, labels: tuple[str, ...]) -> None:
    for data in (text.encode(), text.encode("utf-8-sig"), text.encode("utf-16"), text.encode("utf-16-le")):
        assert parse_labels(data, "labels.txt") == labels


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"a\n" * 100_001, "100002 lines, at most 100000"),
        (b"L" * 5000, "a line has 5000 characters"),
        (b'["' + b"L" * 5000 + b'"]', "a label has more than 1010 characters"),
    ],
)
def test_lists_beyond_the_limits_are_refused(data: bytes, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        parse_labels(data, "labels.txt")


def test_numbered_list_with_gaps_is_filled_up_to_the_classes() -> None:
    assert parse_labels(b"0  person\n3  car\n", "coco.txt", 5) == ("person", "???", "???", "car", "???")
    assert parse_labels(b"10 Rupees Note\n20 Rupees Note\n", "notes.txt", 2) == ("10 Rupees Note", "20 Rupees Note")


@pytest.mark.parametrize(
    ("data", "name", "said"),
    [
        (b"0 cat\n1 dog\n1 bird", "l.txt", "contain 1 more than once"),
        (b"2 cat\n0 dog\n5 bird", "l.txt", "are not 0 to n - 1"),
        (b"{'cat': 0, 'dog': 1}", "l.txt", "not valid JSON"),
        (b"cat", "l.json", "not valid JSON"),
        (b"[" * 100_000 + b"]", "l.json", "not valid JSON"),
        (b'{"cat": 0, "dog": 2}', "l.json", "expected the numbers 0 to 1"),
        (b'{"cat": "a", "dog": "b"}', "l.json", "not a list of labels"),
        (b'["cat", 3]', "l.json", "not a list of labels"),
        (b"K\xe4se\nBrot", "l.txt", "save it as text in UTF-8"),
        (b"ab\0cd\0efghijklmnop", "l.txt", "binary file"),
    ],
)
def test_unclear_label_files_are_refused_in_one_line(data: bytes, name: str, said: str) -> None:
    with pytest.raises(BadInput, match=said) as caught:
        parse_labels(data, name)
    assert "\n" not in str(caught.value)


@given(st.binary(max_size=200), st.sampled_from(["l.txt", "l.json"]))
def test_any_bytes_give_labels_or_a_one_line_error(data: bytes, name: str) -> None:
    try:
        parse_labels(data, name, 5)
    except BadInput as error:
        assert "\n" not in str(error)
