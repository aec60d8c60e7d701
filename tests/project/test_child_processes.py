"""Tests that no Python process of ours imports from the folder it was started in, which may hold anybody's files."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from locations import ROOT

SOURCES = sorted(path for folder in ("edgevision", "convert", "device") for path in (ROOT / folder).rglob("*.py"))
STARTED = re.compile(r"""(?:sys\.executable\}?,?|\bpython,) *(?P<options>(?:"?-[A-Za-z]"?,? ?)+)""")
SAFE = re.compile(r"-[PI]\b")


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_child_processes_have_a_safe_path(path: Path) -> None:
    for match in STARTED.finditer(path.read_text(encoding="utf-8")):
        if re.search(r"-[mc]\b", match["options"]):
            assert SAFE.search(match["options"]), f"{path}: {match[0]}: give -P, or -I"


def test_pattern_finds_what_it_should() -> None:
    for text in ('(sys.executable, "-m", "pip")', '[python, "-m", PROOF]', 'f"{sys.executable} -m edgevision"'):
        match = STARTED.search(text)
        assert match is not None
        assert "-m" in match["options"]
        assert not SAFE.search(match["options"])
