"""The loggers of the library are documented, and none of them imports ``logging`` before somebody listens."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from locations import ROOT

PAGE = ROOT / "docs" / "reference" / "log.md"
IMPORTS_LOGGING = {
    "edgevision/log.py": "on demand",
    "edgevision/cli/verbosity.py": "on demand",
    "device/cameras/backends/picamera.py": "picamera2 imports it anyway",
    "device/page/server.py": "uvicorn imports it anyway",
}
"""Files that may import ``logging``, besides the installer, which stands alone."""


def sources() -> Iterator[tuple[str, ast.Module]]:
    for folder in ("edgevision", "convert", "device"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            yield path.relative_to(ROOT).as_posix(), ast.parse(path.read_text(encoding="utf-8"))


def loggers(tree: ast.Module) -> set[str]:
    calls = (node for node in ast.walk(tree) if isinstance(node, ast.Call))
    return {
        str(node.args[0].value)
        for node in calls
        if ast.unparse(node.func) in ("Log", "logging.getLogger") and isinstance(node.args[0], ast.Constant)
    }


def test_every_logger_is_in_the_documentation() -> None:
    used = {name for path, tree in sources() if path not in IMPORTS_LOGGING for name in loggers(tree)}
    used = {name for name in used if name.startswith("edgevision.")}
    listed = re.findall(r"^\| `(edgevision\.\w+)` \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert listed == sorted(used)


def test_only_a_few_files_import_logging() -> None:
    found = set()
    for path, tree in sources():
        names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
        froms = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
        if "logging" in names | froms and not Path(path).is_relative_to("device/installer"):
            found.add(path)
    assert found == set(IMPORTS_LOGGING), "use edgevision.log.Log: importing logging slows down every start"
