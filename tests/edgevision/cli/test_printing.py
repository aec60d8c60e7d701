"""All that commands print goes through one module, which shows control characters instead of sending them."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from command_line import edgevision
from locations import ROOT

from edgevision import default_model
from edgevision.errors import BadInput
from edgevision.files.atomic import write_text
from edgevision.files.run_folder import dump
from edgevision.reporting import html


def prints(path: Path) -> bool:
    for node in ast.walk(ast.parse(path.read_text())):
        if not isinstance(node, ast.Call):
            continue
        name = ast.unparse(node.func)
        if name in ("print", "click.echo", "click.secho", "echo", "sys.stdout.write", "sys.stderr.write"):
            return True
    return False


def test_only_one_module_of_the_command_line_prints() -> None:
    """Code outside the cli packages: tests/project/test_printing.py."""
    found = {
        path.relative_to(ROOT).as_posix()
        for folder in ("edgevision", "convert", "device")
        for path in (ROOT / folder).rglob("*.py")
        if "cli" in path.relative_to(ROOT).parts and prints(path)
    }
    assert found == {"edgevision/cli/terminal.py"}, "print with say, say_json or show of edgevision.cli.terminal"


def test_json_is_valid_and_harmless_whatever_a_name_contains() -> None:
    name = os.fsdecode(b'a\xff\\b"\x1b[31m\x9b31m\x7f') + "\u202e é 猫 \ud83d"
    text = dump({"name": name})
    assert not {letter for letter in text if not letter.isprintable()}
    assert json.loads(text.encode()) == {
        "name": 'a\\xff\\b"\x1b[31m\x9b31m\x7f\u202e é 猫 \ufffd'.replace("\x9b", "\\x9b")
    }


def test_page_with_a_name_that_is_not_utf8_can_be_written() -> None:
    assert "a\\udcff" in html.page(os.fsdecode(b"a\xff"), [])


def test_file_that_would_not_be_utf8_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"'source = a.*xffb' contains bytes that are not UTF-8; rename the file"):
        write_text(tmp_path / "run.toml", os.fsdecode(b"source = a\xffb"))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "command",
    [
        ("inspect", "NAME"),
        ("run", "NAME"),
        ("run", "--source", "NAME"),
        ("run", "--camera", "NAME"),
        ("run", "--engine", "NAME"),
        ("run", "--NAME"),
        ("NAME",),
        ("evaluate", "NAME", "NAME"),
        ("data", "check", "NAME"),
        ("card", "NAME", "--task", "classification", "-o", "NAME.tflite"),
        ("bench", "compare", "NAME", "NAME"),
        ("bundle", "verify", "NAME"),
        ("keys", "show", "NAME"),
        ("capture", "NAME", "--camera", "test:"),
        ("teach", "NAME", "--model", "NAME"),
        ("flash", "status", "NAME"),
        ("service", "install", "MODEL", "--camera", "http://NAME/", "--root", "root"),
        ("run", "MODEL", "--source", "test:", "--save-config", "NAME.toml", "--taught", "NAME"),
    ],
    ids=" ".join,
)
def test_argument_that_is_not_text_is_one_line(command: tuple[str, ...], tmp_path: Path) -> None:
    name = os.fsdecode(b"a\xff\xfe\x1b[31mb\nc")
    model = str(default_model.path())
    done = edgevision(*(one.replace("NAME", name).replace("MODEL", model) for one in command), cwd=tmp_path)
    assert done.returncode in (1, 2)
    assert len(done.stderr.splitlines()) == 1
    assert all(letter.isprintable() for letter in (done.stdout + done.stderr).replace("\n", ""))


def test_folder_whose_name_is_not_utf8_is_run(tmp_path: Path) -> None:
    folder = tmp_path / os.fsdecode(b"photos \xff")
    folder.mkdir()
    import cv2
    import numpy as np

    encoded = cv2.imencode(".png", np.zeros((20, 20, 3), np.uint8))[1]
    (folder / "1.png").write_bytes(encoded.tobytes())
    command = [sys.executable, "-m", "edgevision", "run", str(default_model.path()), "--source", str(folder), "--json"]
    done = subprocess.run(
        [*command, "--summary", "s.json"], cwd=tmp_path, capture_output=True, encoding="utf-8", timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["source"].endswith("photos \\xff/1.png")
    assert json.loads((tmp_path / "s.json").read_bytes())["source"].endswith("photos \\xff")
