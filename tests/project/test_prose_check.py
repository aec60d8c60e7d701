"""The prose check finds what should not come back, and nothing in code."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from locations import ROOT

sys.path.insert(0, str(ROOT))

from tools import prose_check


def found(text: str, path: str = "x.py") -> list[tuple[int, str]]:
    return [(hit.line, hit.phrase) for hit in prose_check.check_text(text, path)]


@pytest.mark.parametrize(
    ("phrase", "text"),
    [
        ("mend", "To mend it"),
        ("is no number", "the value is no number"),
        ("comes along", "a model that comes along"),
        ("be told", "must be told"),
        ("recognises", "it recognises"),
    ],
)
def test_phrase_is_found_in_docstring_comment_and_message(phrase: str, text: str) -> None:
    assert found(f'"""{text}."""\n') == [(1, phrase)]
    assert found(f"x = 1\n# {text}\n") == [(2, phrase)]
    assert found(f'raise ValueError(f"{{x}}: {text}")\n') == [(1, phrase)]


def test_lines_are_counted_within_a_docstring() -> None:
    assert found('"""One.\n\nTwo.\nThree anew.\n"""\n') == [(4, "anew")]


def test_phrase_across_two_lines_is_found() -> None:
    assert found("Scores are\ntold apart. It was\ntold.\n", "x.md") == [(2, "was told")]


@pytest.mark.parametrize(
    "text",
    [
        "there is no file",
        "it is no longer there",
        "it is no larger",
        "recommend and amend",
        "classes are told apart",
        "otherwise likewise revise",
        "give it back",
    ],
)
def test_good_english_is_left_alone(text: str) -> None:
    assert found(f"# {text}\n") == []
    assert found(text, "x.md") == []


def test_code_is_left_alone() -> None:
    assert found('pictures = record["pictures"]\nstrangers(pictures)\nprint(f"{len(pictures)} images")\n') == []
    assert found("# the field ``pictures`` of `pictures`\n") == []
    text = "Run it:\n\n    edgevision train pictures/\n\n```python\npictures = 1\n```\n\n`pictures` in [a page](pictures.md)\n"
    assert found(text, "x.md") == []


def test_exception_needs_file_and_phrase(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prose_check, "EXCEPTIONS", (("docs/", "anew", "a test"),))
    assert found("anew, anew\n", "docs/x.md") == []
    assert found("anew\n", "README.md") == [(1, "anew")]
    assert found("mend\n", "docs/x.md") == [(1, "mend")]


def test_documentation_is_clean() -> None:
    pages = [path for path in prose_check.files() if path.suffix == ".md" and "docs" in path.relative_to(ROOT).parts]
    assert len(pages) > 50
    assert [str(hit) for hit in prose_check.check_files(pages)] == []


def test_command_prints_file_line_phrase_and_suggestion(tmp_path: Path) -> None:
    (tmp_path / "page.md").write_text("Fine.\nAnew.\n")
    command = [sys.executable, "-m", "tools.prose_check", str(tmp_path / "page.md")]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=60, check=False)
    assert done.returncode == 1
    assert done.stdout.splitlines()[0].endswith("page.md:2: 'Anew' -> again")
