"""Only the command line prints: library code returns values, writes to streams it is given, and logs."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from locations import ROOT

PROTOCOL = "a child process whose output is the answer to its parent"
CAPTURE = "flushes before and after native code whose output it holds back; writes nothing"
ALLOWED = {
    "edgevision/__main__.py": "the entry point: Ctrl-C before the command line is imported",
    "edgevision/engines/probe.py": PROTOCOL,
    "edgevision/engines/edgetpu_probe.py": PROTOCOL,
    "edgevision/engines/edgetpu_query.py": PROTOCOL,
    "edgevision/engines/interpreter.py": CAPTURE,
    "convert/backend.py": CAPTURE,
    "convert/sweep.py": PROTOCOL,
    "convert/synthetic/__main__.py": "a program of its own, run with python -m",
    "device/bundle/verify_model.py": PROTOCOL,
    "device/outputs/clips/encode_child.py": PROTOCOL,
    "device/outputs/video/encode_child.py": PROTOCOL,
    "device/installer/main.py": "the installer is a program of its own; this is its command line",
    "device/installer/base/interrupt.py": "one line before the process ends at once at a second signal",
    "device/loop/stop.py": "one line before a process that hangs is ended",
    "device/installer/base/status.py": "the installer is a program of its own; its journal lines are read on the device",
}
"""Files outside the cli packages that may print, and why."""
STREAMS = ("stdout", "stderr", "__stdout__", "__stderr__")
DIALOGUE = ("echo", "secho", "prompt", "confirm", "pause", "getchar")


def library_files() -> Iterator[Path]:
    for folder in ("edgevision", "convert", "device"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            if "cli" not in path.relative_to(ROOT).parts and path != ROOT / "device" / "installer" / "__main__.py":
                yield path


def printing(text: str) -> list[str]:
    """Return the places where code prints, asks or takes a stream of the process: ``LINE: what``."""
    found = []
    for node in ast.walk(ast.parse(text)):
        what = _call(node) if isinstance(node, ast.Call) else _stream(node)
        if what is not None:
            found.append(f"{node.lineno}: {what}")  # type: ignore[attr-defined]
    return found


def _call(node: ast.Call) -> str | None:
    match node.func:
        case ast.Name(id="print" | "input" | "getpass" as name):
            return f"{name}()"
        case ast.Attribute(value=ast.Name(id="click"), attr=name) if name in DIALOGUE:
            return f"click.{name}()"
        case ast.Attribute(value=ast.Name(id="getpass"), attr="getpass"):
            return "getpass()"
        case ast.Name(id="Console") | ast.Attribute(attr="Console"):
            return None if any(word.arg == "file" for word in node.keywords) else "Console() without file="
        case ast.Attribute(value=ast.Name(id="os"), attr="write"):
            number = node.args[0]
            return "os.write()" if isinstance(number, ast.Constant) and number.value in (1, 2) else None
    return None


def _stream(node: ast.AST) -> str | None:
    match node:
        case ast.Attribute(value=ast.Name(id="sys"), attr=name) if name in STREAMS:
            return f"sys.{name}"
        case ast.ImportFrom(module="sys") if any(alias.name in STREAMS for alias in node.names):
            return "from sys import a stream"
    return None


def test_only_the_command_line_prints() -> None:
    found = {path.relative_to(ROOT).as_posix(): printing(path.read_text(encoding="utf-8")) for path in library_files()}
    assert len(found) > 300
    wrong = {name: places for name, places in found.items() if places and name not in ALLOWED}
    assert not wrong, "return the text, take the stream as an argument, or log it (edgevision/log.py)"
    assert {name for name in ALLOWED if not found[name]} == set(), "these no longer print: remove them from ALLOWED"


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("print('x')", 1),
        ("import sys\nprint('x', file=sys.stderr)", 2),
        ("import click\nclick.echo('x')", 1),
        ("from rich.console import Console\nConsole(stderr=True).print('x')", 1),
        ("from sys import stderr", 1),
        ("import os\nos.write(2, b'x')", 1),
        ("name = input('who? ')", 1),
        ("import sys\nsys.argv", 0),
        ("console = Console(file=stream)\nconsole.print('x')", 0),
        ("stream.write('x')\npretty_print('x')\nos.write(handle, b'x')", 0),
    ],
)
def test_what_counts_as_printing(text: str, count: int) -> None:
    assert len(printing(text)) == count
