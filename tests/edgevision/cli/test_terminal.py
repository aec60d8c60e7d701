r"""Text from files reaches the terminal only with control characters shown, such as ``\x1b``."""

from __future__ import annotations

from pathlib import Path

import pytest
from changed_model import TINY
from command_line import edgevision
from hypothesis import given
from hypothesis import strategies as st

from edgevision.cli.terminal import say
from edgevision.model_file import model_file
from edgevision.model_file.card import ModelCard
from edgevision.preprocessing.spec import Preprocessing
from edgevision.reporting.terminal import MAX_LINE, printable

EVIL = "\x1b[2J\x1b]0;title\x07name\nfake: line\t\u202egpj.exe"


@given(st.text(alphabet=st.characters(codec=None)))
def test_every_text_becomes_one_harmless_line(text: str) -> None:
    shown = printable(text)
    assert shown.isprintable()
    shown.encode()  # raises for half of a surrogate pair
    assert shown == text or not text.isprintable()


def test_control_characters_are_shown() -> None:
    assert printable("a\x1b[31m\tb\ud800\x9b") == r"a\x1b[31m\tb\ud800\x9b"


def test_text_of_megabytes_is_cut_at_once() -> None:
    shown = printable("x\x1b" * 3_000_000)
    assert len(shown) < 5 * MAX_LINE
    assert shown.endswith("(6000000 characters)")


def test_say_prints_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    say(EVIL)
    assert capsys.readouterr().out.count("\n") == 1


@pytest.mark.parametrize(
    "command", ["run {} --source {}", "inspect {}", "card {} --resize crop -o {}/no.tflite", "doctor {}"]
)
def test_names_of_a_model_cannot_control_the_terminal(command: str, tmp_path: Path) -> None:
    card = ModelCard(
        EVIL, "classification", Preprocessing(16, 16, mean=(127.5,), std=(127.5,)), ("\x1b[31mred", "g", "b")
    )
    path = tmp_path / "m\x1b[2J.tflite"
    model_file.write(path, TINY, card)
    parts = [part.format(path) for part in command.split()]
    ended = edgevision(*parts, cwd=tmp_path)
    for output in (ended.stdout, ended.stderr):
        assert all(letter.isprintable() or letter == "\n" for letter in output), output
