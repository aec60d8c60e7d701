"""Label files: plain lines, numbered lines as Teachable Machine and Coral write them, and JSON."""

from __future__ import annotations

import re
from typing import Any

from ..errors import BadInput
from ..files import strict_json
from ..files.text import decode_text
from ..log import Log

log = Log("edgevision.model")
MAX_BYTES = 4 * 2**20
MAX_NUMBER = MAX_LABELS = 100_000
MAX_LINE = 1010
"""Longest line: a label of 1000 characters and its number."""
UNUSED = "???"
"""Label of a class number that a numbered list leaves out, as TensorFlow's label maps write it."""
_NUMBERED = re.compile(r"\[?([0-9]{1,6})\]?(?:\s*[:,;=|)]\s*|\.\s+|\s+-\s+|\s+)(\S.*)")
_HEADER = re.compile(r"(id|index|number|class[ _]?id)\s*[,;\t ]\s*(labels?|names?|class(es)?|class[ _]?names?)", re.I)
_JSON_KEYS = ("labels", "id2label", "class_indices", "classes", "class_names", "names")


def parse_labels(data: bytes, what: str, classes: int | None = None) -> tuple[str, ...]:
    """Return the labels of a label file in the order of the class numbers. Raises BadInput.

    One label per line; if every line begins with its own number from 0 to n - 1 (``0 cat``, ``0:cat``), the numbers are
    removed and give the order. JSON: a list of labels, or an object from label to number or from number to label.

    Args:
        data: the file's content, UTF-8 or UTF-16.
        what: the file's name, for messages.
        classes: the model's number of classes, if known; a numbered list with gaps is filled up to it.
    """
    if len(data) > MAX_BYTES:
        raise BadInput(f"{what} is not a list of labels: it has {len(data) / 1e6:.0f} MB")
    try:
        text = decode_text(data)
    except UnicodeDecodeError:
        raise BadInput(f"{what} is not a list of labels: it is not UTF-8 text; save it as text in UTF-8") from None
    if "\0" in text:
        raise BadInput(f"{what} is not a list of labels: it is a binary file; give text with one label per line")
    lines = re.split(r"\r\n|\n|\r", text)
    if len(lines) > MAX_LABELS:
        raise BadInput(f"{what} is not a list of labels: it has {len(lines)} lines, at most {MAX_LABELS} are allowed")
    longest = max(map(len, lines))
    if longest > MAX_LINE and not text.lstrip().startswith(("{", "[")):
        raise BadInput(
            f"{what} is not a list of labels: a line has {longest} characters, at most {MAX_LINE} are allowed"
        )
    if what.lower().endswith(".json") or (text.strip()[:1], text.strip()[-1:]) in (("{", "}"), ("[", "]")):
        return _from_json(text, what)
    lines = [line.strip() for line in lines]
    while lines and not lines[-1]:
        lines.pop()
    return _without_numbers(lines, what, classes)


def _without_numbers(lines: list[str], what: str, classes: int | None) -> tuple[str, ...]:
    """Remove the numbers of a numbered list and order by them; return other lists unchanged."""
    filled = [line for line in lines if line]
    if len(filled) > 1 and _HEADER.fullmatch(filled[0]):
        filled = filled[1:]
    matches = [match for line in filled if (match := _NUMBERED.fullmatch(line))]
    if not matches or len(matches) != len(filled):
        return tuple(lines)
    numbers = [int(match[1]) for match in matches]
    names = [match[2].strip() for match in matches]
    distinct = len(set(numbers)) == len(numbers)
    full = distinct and max(numbers) == len(numbers) - 1
    if len(names) > 1 and len({name.lower().rstrip("s") for name in names}) == 1:
        return tuple(lines)  # "0 fingers", "1 finger": the number is the name
    if full:
        if numbers != sorted(numbers):
            log.info("%s: labels are ordered by their numbers", what)
        return tuple(name for _, name in sorted(zip(numbers, names, strict=True)))
    if distinct and classes is not None and len(numbers) < classes and max(numbers) < classes <= MAX_NUMBER:
        named = dict(zip(numbers, names, strict=True))
        return tuple(named.get(number, UNUSED) for number in range(classes))
    if 0 in numbers and (not distinct or numbers != sorted(numbers)):
        wrong = next((n for n in numbers if numbers.count(n) > 1), None) if len(numbers) < 2000 else None
        said = "are not 0 to n - 1" if wrong is None else f"contain {wrong} more than once"
        raise BadInput(f"{what}: the numbers before the labels {said}; give each line its own number, or none a number")
    return tuple(lines)


def _from_json(text: str, what: str) -> tuple[str, ...]:
    try:
        value = strict_json.loads(text, what)
    except BadInput as error:
        raise BadInput(f"{error}; give a list of labels, or one label per line") from None
    if isinstance(value, dict):
        value = next((value[key] for key in _JSON_KEYS if isinstance(value.get(key), list | dict)), value)
    labels = _listed(value) if isinstance(value, list) else _mapped(value, what) if isinstance(value, dict) else None
    if labels is None:
        raise BadInput(
            f'{what} is not a list of labels; give ["cat", "dog"], {{"cat": 0, "dog": 1}} or {{"0": "cat", "1": "dog"}}'
        )
    if any(len(label) > MAX_LINE for label in labels):
        raise BadInput(f"{what}: a label has more than {MAX_LINE} characters; shorten it")
    return labels


def _listed(value: list[Any]) -> tuple[str, ...] | None:
    return tuple(one.strip() for one in value) if all(isinstance(one, str) for one in value) else None


def _mapped(value: dict[str, Any], what: str) -> tuple[str, ...] | None:
    """Return the labels of ``{"cat": 0}`` or ``{"0": "cat"}``; ImageNet's ``{"0": ["n01440764", "tench"]}`` gives the last."""
    if all(isinstance(number, int) and not isinstance(number, bool) for number in value.values()):
        pairs = [(number, name.strip()) for name, number in value.items()]
    elif all(key.strip().isdecimal() and len(key) < 9 for key in value):
        names = [one[-1] if isinstance(one, list) and one else one for one in value.values()]
        if not all(isinstance(name, str) for name in names):
            return None
        pairs = [(int(key), name.strip()) for key, name in zip(value, names, strict=True)]
    else:
        return None
    pairs.sort()
    if [number for number, _ in pairs] != list(range(len(pairs))):
        raise BadInput(f"{what}: expected the numbers 0 to {len(pairs) - 1}, each once; got others")
    return tuple(name for _, name in pairs)
