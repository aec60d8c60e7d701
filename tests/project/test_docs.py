"""The documentation is consistent with itself and with the command line."""

from __future__ import annotations

import importlib
import json
import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
import snippets
from locations import ROOT
from public_names import private_names

sys.path.insert(0, str(ROOT))

from edgevision.cli.main import cli
from tools import docs_reference
from tools.docs import python_page, schema_pages, settings_page

PAGES = sorted(
    path
    for path in (*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), ROOT / "calibration_images" / "README.md")
    if "generated" not in path.parts
)
SHORT = {"bundle": "create", "bench": "measure", "deploy": "update"}
"""Sub-commands that need not be typed."""
PLANNED = {"edgevision/settings.py"}
"""Files that pages name and that are still to come."""
LINK = re.compile(r"\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)


def anchors(page: Path) -> set[str]:
    found = set()
    for heading in HEADING.findall(re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.S | re.M)):
        text = re.sub(r"[^\w\s-]", "", heading.replace("`", "")).strip().lower()
        found.add(re.sub(r"[\s-]+", "-", text))
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_lead_to_files_and_headings(page: Path) -> None:
    for link in LINK.findall(page.read_text(encoding="utf-8")):
        if re.match(r"[a-z]+:", link) or link.endswith("SECURITY.md"):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.is_file(), f"{page.name}: {link}"
        if anchor:
            assert anchor in anchors(target), f"{page.name}: {link}"


def commands(page: Path) -> Iterator[list[str]]:
    """Yield the arguments of every edgevision command in an indented block or a fence."""
    for line in page.read_text(encoding="utf-8").splitlines():
        match = re.match(r" {4,}(?:\$ )?(?:sudo (?:\$\(which )?)?edgevision\)? (?!.*error:)(.*)$", line)
        if match is None:
            continue
        for part in re.split(r" \| | && |; ", match[1])[:1]:
            yield shlex.split(part.replace("...", ""), comments=True)


def options_of(arguments: list[str]) -> tuple[click.Command, list[str]]:
    command: click.Command = cli
    ctx = click.Context(command, info_name="edgevision")
    while (
        isinstance(command, click.Group) and arguments and (command.name in SHORT or not arguments[0].startswith("-"))
    ):
        if command.name in SHORT and arguments[0] not in command.list_commands(ctx):
            arguments = [SHORT[command.name], *arguments]
        _, found, arguments = command.resolve_command(ctx, arguments)
        assert found is not None
        command, ctx = found, click.Context(found, parent=ctx)
    return command, [one.partition("=")[0] for one in arguments if one.startswith("--")]


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_commands_and_options_exist(page: Path) -> None:
    for arguments in commands(page):
        if "release" in arguments[:1] or (arguments and arguments[0].isupper()):
            continue
        command, given = options_of(arguments)
        known = {name for p in command.params for name in (*p.opts, *p.secondary_opts)} | {"--help"}
        missing = [name for name in given if name not in known]
        assert not missing, f"{page.name}: edgevision {' '.join(arguments)}"


def test_programs_on_pages_use_only_the_public_api() -> None:
    found = {page: list(snippets.programs(page.read_text(encoding="utf-8"))) for page in PAGES}
    assert len(found[ROOT / "README.md"]) == 1 and len(found[ROOT / "docs" / "guides" / "python.md"]) == 6
    for page, codes in found.items():
        for code in codes:
            assert list(private_names(code)) == [], page.name


def test_decision_records_have_the_same_form() -> None:
    records = sorted((ROOT / "docs" / "adr").glob("0*.md"))
    assert [int(path.name[:4]) for path in records] == list(range(1, len(records) + 1))
    index = (ROOT / "docs" / "adr" / "index.md").read_text(encoding="utf-8")
    for path in records:
        text = path.read_text(encoding="utf-8")
        assert text.startswith(f"# {path.name[:4]}. ")
        assert [line for line in text.splitlines() if line.startswith("## ")] == [
            "## Context",
            "## Decision",
            "## Consequence",
        ]
        assert f"({path.name})" in index


def test_source_files_that_pages_name_exist() -> None:
    for page in PAGES:
        for name in re.findall(r"`((?:edgevision|convert|device)/[\w/]+(?:\.py|/))`", page.read_text(encoding="utf-8")):
            assert (ROOT / name).exists() or name in PLANNED, f"{page.relative_to(ROOT)} names {name}"


def test_reference_has_a_page_for_every_command() -> None:
    made = docs_reference.pages()
    commands = cli.list_commands(click.Context(cli))
    assert {f"cli/{name}.md" for name in commands} <= made.keys()
    assert "open_model" in made["python.md"]
    assert "`backbone`" in made["settings.md"]
    assert "`freeze_timeout`" in made["settings.md"]


def test_reference_is_written_to_a_folder(tmp_path: Path) -> None:
    paths = docs_reference.write(tmp_path / "out")
    assert all(path.read_text(encoding="utf-8").startswith("<!-- Generated") for path in paths)


def test_missing_inputs_give_no_page(tmp_path: Path) -> None:
    assert schema_pages.render(tmp_path / "schemas") == {}


def test_schema_page_lists_nested_fields(tmp_path: Path) -> None:
    schema = {
        "title": "A run",
        "required": ["frames"],
        "properties": {
            "frames": {"type": "integer", "description": "Frames | answered"},
            "labels": {"type": "array", "items": {"$ref": "#/$defs/label"}},
        },
        "$defs": {"label": {"type": "object", "properties": {"score": {"type": ["number", "null"]}}}},
    }
    (tmp_path / "run.json").write_text(json.dumps(schema))
    page = schema_pages.render(tmp_path)["schemas/run.md"]
    assert "| `frames` | integer | Frames \\| answered |" in page
    assert "| `labels[].score` | number or null, optional |  |" in page


def test_damaged_schema_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text("{")
    with pytest.raises(ValueError, match="not JSON"):
        schema_pages.render(tmp_path)


def test_record_without_settings_is_an_error() -> None:
    with pytest.raises(LookupError, match="declares no settings"):
        settings_page.render({"edgevision.types:Label": ("Labels", "None.")})


def test_api_page_follows_imports_and_reads_google_sections(tmp_path: Path) -> None:
    (tmp_path / "__init__.py").write_text('__all__ = ["scale"]\nfrom .inner import scale as scale\n')
    (tmp_path / "inner.py").write_text(
        "def scale(value: int | None, *, by: float = 2.0) -> float:\n"
        '    """Return a scaled value.\n\n'
        "    Args:\n        value: what to scale\n\n"
        "    Raises:\n        ValueError: for None\n"
        '    """\n'
    )
    folders = dict.fromkeys(python_page.PACKAGES, tmp_path)
    page = python_page.render(folders)["python.md"]
    assert "scale(value: int | None, *, by: float = 2.0) -> float" in page
    assert "**Args**\n\n- `value`: what to scale" in page
    assert "- `ValueError`: for None" in page


def test_api_page_reads_the_help_of_settings(tmp_path: Path) -> None:
    (tmp_path / "__init__.py").write_text('__all__ = ["Some"]\nfrom .inner import Some as Some\n')
    (tmp_path / "inner.py").write_text(
        'class Some:\n    """Some settings."""\n\n'
        '    count: int = setting(3, "int", "How " "many.")\n'
        '    runs: Path = RUNS.field(group="Output")\n'
        '    seed: int = SEED.field(help="Any number.")\n'
    )
    page = python_page.render(dict.fromkeys(python_page.PACKAGES, tmp_path))["python.md"]
    for line in (
        "| `count` | <code>int</code> | How many. |",
        "Folder for the numbered run folders. |",
        "Any number. |",
    ):
        assert line in page


def test_api_page_inherits_resolves_aliases_and_constants_and_tabulates_errors(tmp_path: Path) -> None:
    (tmp_path / "__init__.py").write_text(
        '__all__ = ["Bad", "Child", "EdgeVisionError", "turn"]\nfrom .inner import Bad, Child, EdgeVisionError, turn\n'
    )
    (tmp_path / "inner.py").write_text(
        'Side = Literal["left", "right"]\nTOP = 5\n'
        'class EdgeVisionError(Exception):\n    """Any fault."""\n    exit_code: int = 1\n'
        'class Bad(EdgeVisionError, ValueError):\n    """Raised for bad values."""\n'
        'class Parent:\n    size: int\n    """Size in pixels."""\n'
        'class Child(Parent):\n    """A child."""\n    side: Side\n    """Its side."""\n'
        'def turn(side: Side | None, top: int = TOP, *, by: float = 1.5) -> Child:\n    """Turn."""\n'
    )
    page = python_page.render(dict.fromkeys(python_page.PACKAGES, tmp_path))["python.md"]
    assert "turn(side: Side | None, top: int = 5, *, by: float = 1.5) -> Child" in page
    assert "| `size` | <code>int</code> | Size in pixels. |\n| `side` | <code>Side</code> | Its side. |" in page
    assert "| `Side` | <code>Literal['left', 'right']</code> |" in page
    assert "| `EdgeVisionError` | `Exception` | 1 | Any fault. |" in page
    assert "| `Bad` | `EdgeVisionError`, `ValueError` |  | Raised for bad values. |" in page


def test_api_page_lists_exactly_the_public_names_and_explains_each_attribute() -> None:
    page = docs_reference.pages()["python.md"]
    listed = set(re.findall(r"^### (edgevision\.\S+)$", page, re.MULTILINE))
    errors = set(re.findall(r"^\| `(\w+)` \| `(?:\w+)`.*\|$", page, re.MULTILINE))
    public = set()
    for package in python_page.PACKAGES:
        names = {name for name in importlib.import_module(package).__all__ if not name.startswith("__")}
        public |= {f"{package}.{name}" for name in names if package != "edgevision" or name not in errors}
    assert listed == public and len(errors) == 21
    assert [line for line in page.splitlines() if line.startswith("| ") and line.endswith("|  |")] == []


def test_api_page_refuses_a_name_that_does_not_exist(tmp_path: Path) -> None:
    (tmp_path / "__init__.py").write_text('__all__ = ["nothing"]\n')
    with pytest.raises(LookupError, match="nothing"):
        python_page.render(dict.fromkeys(python_page.PACKAGES, tmp_path))
