"""Finds definitions in the source of the project by their dotted names; the code is not imported.

Attribute docstrings are in the source only, and the folders convert/ and device/ are found by the mapping in pyproject.toml.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

Definition = ast.ClassDef | ast.FunctionDef


@cache
def _parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@dataclass(frozen=True, slots=True)
class Source:
    """Finds modules of the project by their dotted names."""

    folders: Mapping[str, Path]
    """Package name -> folder, as pyproject.toml maps them."""

    def file(self, module: str) -> Path:
        """Return the file of a module or package. Raises LookupError."""
        package = max((name for name in self.folders if f"{module}.".startswith(f"{name}.")), key=len, default=None)
        if package is None:
            raise LookupError(f"no module of the project: {module}")
        base = self.folders[package].joinpath(*module.removeprefix(package).strip(".").split("."))
        for path in (base / "__init__.py", base.with_name(f"{base.name}.py")):
            if path.is_file():
                return path
        raise LookupError(f"no file for the module {module}")

    def tree(self, module: str) -> ast.Module:
        """Return the parsed source of a module."""
        return _parsed(self.file(module))

    def find(self, module: str, name: str) -> tuple[str, ast.stmt | None]:
        """Follow imports to where a name is defined. Raises LookupError."""
        for node in ast.walk(self.tree(module)):
            if isinstance(node, Definition | ast.AsyncFunctionDef) and node.name == name:
                return module, node
            if isinstance(node, ast.ImportFrom):
                alias = next((a for a in node.names if (a.asname or a.name) == name), None)
                if alias is not None:
                    return self.find(self._absolute(module, node), alias.name)
            if isinstance(node, ast.Assign | ast.AnnAssign):
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                if any(isinstance(t, ast.Name) and t.id == name for t in targets):
                    return module, node
        raise LookupError(f"{module} has no {name}")

    def bases(self, module: str, node: ast.ClassDef) -> Iterator[tuple[str, ast.ClassDef]]:
        """Yield the base classes that are defined in the project, with the modules they are in, nearest first."""
        for base in node.bases:
            try:
                found, definition = self.find(module, ast.unparse(base))
            except LookupError:
                continue
            if isinstance(definition, ast.ClassDef):
                yield found, definition
                yield from self.bases(found, definition)

    def value(self, module: str, name: str) -> ast.expr | None:
        """Return the value of a constant or type alias of the project, None for anything else."""
        try:
            _, definition = self.find(module, name)
        except LookupError:
            return None
        return definition.value if isinstance(definition, ast.Assign) else None

    def _absolute(self, module: str, node: ast.ImportFrom) -> str:
        if not node.level:
            return node.module or ""
        is_package = self.file(module).name == "__init__.py"
        parts = module.split(".")
        base = parts[: len(parts) - node.level + (1 if is_package else 0)]
        return ".".join([*base, *(node.module.split(".") if node.module else [])])
