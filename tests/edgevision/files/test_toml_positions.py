"""Line numbers of TOML keys, for every syntax of keys and for any text that tomllib accepts."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgevision.errors import BadInput
from edgevision.files import toml
from edgevision.files.toml_positions import Key, locate

EVERYTHING = r'''# a text with all there is
first = 1
quoted."with [brackets] = and .dots".end = """
not = "a key"
"""
[ table ]  # [no table]
array = [1,
  "two", # 3
  {inline = 3, dotted.inside = '}'},

  [4]]
"es\u0063aped \" quote" = 1979-05-27 07:32:00
[[tables.of]]
x = QQQ'literal\QQQ
[[tables.of]]
x = """"quoted"""""
[tables.of.inner]
empty = ""
last = []'''.replace("QQQ", "'''")


def paths(value: Any, above: Key = ()) -> Iterator[Key]:
    """Yield the path of every key and element."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, inner in items:
        yield (*above, name)
        yield from paths(inner, (*above, name))


def test_every_key_syntax_is_located() -> None:
    found = locate(EVERYTHING)
    assert set(found) == set(paths(tomllib.loads(EVERYTHING)))
    lines = EVERYTHING.splitlines()
    assert lines[found["quoted", "with [brackets] = and .dots", "end"] - 1].startswith("quoted.")
    assert lines[found["table",] - 1].startswith("[ table ]")
    assert lines[found["table", "array", 1] - 1].startswith('  "two"')
    assert lines[found["table", "array", 2, "dotted", "inside"] - 1].startswith("  {inline")
    assert lines[found["table", 'escaped " quote'] - 1].startswith('"es')
    assert [found["tables", "of", place, "x"] for place in (0, 1)] == [14, 16]
    assert found["tables", "of", 1, "inner", "last"] == len(lines)


NAMES = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
SCALARS = st.integers() | st.booleans() | NAMES
INLINE = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=8,
)


def inline(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{toml.literal(key)} = {inline(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[ # one per line\n" + ",\n".join(inline(inner) for inner in value) + "\n]"
    return toml.literal(value)


@given(st.dictionaries(NAMES, st.dictionaries(NAMES, INLINE, max_size=3), max_size=3))
def test_every_key_of_any_file_has_a_line(value: dict[str, dict[str, Any]]) -> None:
    text, expected = "", {}
    for section, keys in value.items():
        text += f"\n[{toml.literal(section)}]\n"
        expected[section,] = text.count("\n")
        for key, inner in keys.items():
            expected[section, key] = text.count("\n") + 1
            text += f"{toml.literal(key)}={inline(inner)}\n"
    found = locate(text)
    assert set(found) == set(paths(tomllib.loads(text)))
    assert {key: found[key] for key in expected} == expected


@given(st.text(st.sampled_from("ab.=[]{},'\"\\\n# 1u"), max_size=40))
def test_any_valid_toml_is_located(text: str) -> None:
    try:
        value = tomllib.loads(text)
    except ValueError:
        return
    assert set(locate(text)) == set(paths(value))


@given(NAMES | st.text(st.characters(exclude_categories=["Cs"])) | st.integers() | st.booleans() | st.floats(0, 1))
def test_literals_survive_writing_and_reading(value: str | int | bool | float) -> None:
    assert tomllib.loads(f"x = {toml.literal(value)}") == {"x": value}


def test_missing_key_gives_the_line_of_its_table(tmp_path: Path) -> None:
    file = toml.parse("\n[a]\nb = [1]\n", tmp_path / "x.toml")
    assert [file.where(*key).rpartition(":")[2] for key in [("a", "b", 0), ("a", "c"), ("d",)]] == ["3", "2", "1"]


def test_lines_are_located_only_on_demand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(toml, "locate", lambda text: pytest.fail("this would slow down the start of the loop"))
    assert toml.parse("a = 1", tmp_path / "x.toml").values == {"a": 1}


def test_number_of_thousands_of_digits_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"x\.toml: a number has too many digits$"):
        toml.parse("a = " + "9" * 5000, tmp_path / "x.toml")
