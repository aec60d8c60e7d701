"""Finds what a program uses of edgevision that is not public."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from importlib import import_module

PACKAGES = ("edgevision", "edgevision.convert", "edgevision.device")


def private_names(code: str) -> Iterator[str]:
    """Yield the private names of edgevision that a program imports, or reaches as an attribute of a package."""
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "edgevision":
            yield from (f"{node.module}.{alias.name}" for alias in node.names if not _public(node.module, alias.name))
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names if alias.name.split(".")[0] == "edgevision"]
            yield from (name for name in names if name not in PACKAGES)
        elif isinstance(node, ast.Attribute) and ast.unparse(node.value) in PACKAGES:
            package = ast.unparse(node.value)
            if not _public(package, node.attr):
                yield f"{package}.{node.attr}"


def _public(module: str | None, name: str) -> bool:
    return f"{module}.{name}" in PACKAGES or (module in PACKAGES and name in import_module(str(module)).__all__)
