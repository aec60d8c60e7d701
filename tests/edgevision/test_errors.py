"""Error messages are one printable line of limited length, whatever was put into them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from edgevision.errors import MAX_MESSAGE, BadInput, CameraError, one_line


@given(st.text(max_size=50).map(lambda text: text * 80))
def test_message_is_one_printable_line(text: str) -> None:
    shown = str(BadInput(text))
    assert shown.isprintable()
    assert len(shown) <= MAX_MESSAGE


def test_short_printable_message_is_unchanged() -> None:
    assert str(BadInput("größe: 5 µm")) == "größe: 5 µm"
    assert one_line("x" * MAX_MESSAGE) == "x" * MAX_MESSAGE


def test_long_message_keeps_its_beginning_and_its_end() -> None:
    shown = str(CameraError("what is wrong: " + "x" * 1_000_000 + "; what to do"))
    assert shown.startswith("what is wrong: xxx")
    assert shown.endswith("xxx; what to do")
    assert "(1000027 characters)" in shown


def test_control_characters_are_shown() -> None:
    assert str(BadInput("a\x1b[2J\nb")) == r"a\x1b[2J\nb"
