"""Counting lines and zones as users write them."""

from __future__ import annotations

import pytest
from edgevision.device.tracking.shapes import (
    CountLine,
    Zone,
    format_line,
    format_zone,
    named,
    parse_line,
    parse_zone,
)
from hypothesis import given
from hypothesis import strategies as st

from edgevision.errors import BadInput

SHARES = st.integers(0, 10**9).map(lambda part: part / 10**9)
NAMES = st.just("") | st.from_regex(r"[a-zA-Zäß][a-zA-Z0-9äß _-]{0,38}[a-z]", fullmatch=True)


@given(st.tuples(SHARES, SHARES), st.tuples(SHARES, SHARES), NAMES)
def test_line_is_written_and_read_again(start: tuple[float, float], end: tuple[float, float], name: str) -> None:
    line = CountLine(start, end, name)
    if max(abs(start[0] - end[0]), abs(start[1] - end[1])) < 0.01:
        with pytest.raises(BadInput, match="shorter"):
            parse_line(format_line(line))
    else:
        assert parse_line(format_line(line)) == line


@given(st.lists(st.tuples(SHARES, SHARES), min_size=3, max_size=9), NAMES)
def test_zone_is_written_and_read_again_or_refused(corners: list[tuple[float, float]], name: str) -> None:
    zone = Zone(tuple(corners), name)
    try:
        assert parse_zone(format_zone(zone)) == zone
    except BadInput as error:
        assert "give its corners in their order" in str(error)


@given(st.text() | st.none() | st.integers() | st.lists(st.floats()) | st.from_regex(r"[0-9.,eE+_ nazif-]{0,40}"))
@pytest.mark.parametrize("parse", [parse_line, parse_zone])
def test_any_value_is_read_or_refused_in_one_line(parse: object, value: object) -> None:
    try:
        made = parse(value)  # type: ignore[operator]
    except BadInput as error:
        assert "\n" not in str(error)
    else:
        points = (made.start, made.end) if isinstance(made, CountLine) else made.corners
        assert all(0 <= part <= 1 for point in points for part in point)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0.5,0,0.5", "it has 3 numbers"),
        ("0.5,0,0.5,1.2", "'1.2' is not a number from 0 to 1"),
        ("0.5,0,0.5,-1", "'-1' is not a name or a number"),
        ("0.5,0,nan,1", "'nan' is not a number"),
        ("0.5,0,0.5,1,a/b", "'a/b' is not a name"),
        ("0.5,0,0.5,0.001", "shorter than 0.01"),
        ("", "it has no numbers|'' is not a name"),
        ("door", "it has no numbers"),
        (7, "expected a text"),
    ],
)
def test_wrong_line_is_refused_with_the_reason(text: object, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        parse_line(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0,0,1,1", "it has 4 numbers"),
        ("0,0,1,1,0.5", "it has 5 numbers"),
        ("0,0,1,1,0.5,0.5", "covers no area"),
        ("0,0,1,1,1,0,0,0.5", "its edges cross"),
    ],
)
def test_wrong_zone_is_refused_with_the_reason(text: str, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        parse_zone(text)


def test_shapes_without_a_name_are_numbered() -> None:
    lines = [parse_line("0,0,1,1"), parse_line("0,1,1,0,door"), parse_line("0,1,1,0")]
    assert [line.name for line in named(lines, "line")] == ["line1", "door", "line3"]


def test_equal_names_are_refused() -> None:
    with pytest.raises(BadInput, match="two lines are named"):
        named([parse_line("0,0,1,1,Door"), parse_line("0,1,1,0,door")], "line")
