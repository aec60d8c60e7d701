"""The reference page of the public Python API, read from the source; the code is not imported.

Attribute docstrings are read too, and the folders convert/ and device/ are found by the mapping in pyproject.toml.
"""

from __future__ import annotations

import ast
import html
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from inspect import cleandoc
from pathlib import Path

from edgevision import settings

PACKAGES = ("edgevision", "edgevision.convert", "edgevision.device")
Definition = ast.ClassDef | ast.FunctionDef
_SECTION = re.compile(r"(Args|Arguments|Attributes|Returns|Yields|Raises|Example|Examples|Note|Notes):")
_ENTRY = re.compile(r"(?P<name>[*\w., ]+?)(?: \((?P<kind>[^)]*)\))?: (?P<text>.*)")


@dataclass(frozen=True, slots=True)
class Source:
    """Finds modules of the project by their dotted names."""

    folders: Mapping[str, Path]
    """Package name -> folder, as pyproject.toml maps them."""

    def file(self, module: str) -> Path:
        """Return the file of a module or package. Raises LookupError."""
        package = max((name for name in self.folders if f"{module}.".startswith(f"{name}.")), key=len)
        base = self.folders[package].joinpath(*module.removeprefix(package).strip(".").split("."))
        for path in (base / "__init__.py", base.with_name(f"{base.name}.py")):
            if path.is_file():
                return path
        raise LookupError(f"no file for the module {module}")

    def tree(self, module: str) -> ast.Module:
        """Return the parsed source of a module."""
        return ast.parse(self.file(module).read_text(encoding="utf-8"))

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
        raise LookupError(f"{module} has no {name}, though its __all__ lists it")

    def _absolute(self, module: str, node: ast.ImportFrom) -> str:
        if not node.level:
            return node.module or ""
        is_package = self.file(module).name == "__init__.py"
        parts = module.split(".")
        base = parts[: len(parts) - node.level + (1 if is_package else 0)]
        return ".".join([*base, *(node.module.split(".") if node.module else [])])


def render(folders: Mapping[str, Path]) -> dict[str, str]:
    """Return path -> Markdown of the API page. Raises LookupError where ``__all__`` lists a name that is not there."""
    source = Source(folders)
    lines = [
        "# Python API",
        "",
        "What is listed here is public. Everything else is private and may change without notice.",
        "",
    ]
    for package in PACKAGES:
        names = [name for name in public_names(source.tree(package)) if not name.startswith("__")]
        if names:
            lines += [f"## {package}", "", *_package(source, package, names)]
    return {"python.md": "\n".join(lines) + "\n"}


def public_names(tree: ast.Module) -> list[str]:
    """Return what ``__all__`` lists; empty where there is none."""
    for node in tree.body:
        if isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if any(isinstance(t, ast.Name) and t.id == "__all__" for t in targets) and node.value is not None:
                return [str(name) for name in ast.literal_eval(node.value)]
    return []


def _package(source: Source, package: str, names: list[str]) -> Iterator[str]:
    for name in names:
        module, node = source.find(package, name)
        if isinstance(node, ast.ClassDef):
            yield from _class(node, f"{package}.{name}", module)
        elif isinstance(node, ast.FunctionDef):
            yield from _function(node, f"{package}.{name}", 3)


def _class(node: ast.ClassDef, name: str, module: str) -> Iterator[str]:
    bases = ", ".join(
        f"`{ast.unparse(base)}`" for base in node.bases if ast.unparse(base) not in ("Protocol", "object")
    )
    yield from (f"### {name}", "", *_docstring(ast.get_docstring(node, clean=False)))
    if bases:
        yield from (f"Bases: {bases}", "")
    fields = list(_fields(node))
    if fields:
        yield from ("| attribute | type | meaning |", "|---|---|---|")
        for field, kind, text in fields:
            yield f"| `{field}` | <code>{_code(kind)}</code> | {text.replace('|', chr(92) + '|')} |"
        yield ""
    for member in node.body:
        if isinstance(member, ast.FunctionDef) and (not member.name.startswith("_") or member.name == "__init__"):
            if _is_property(member):
                continue
            if member.name == "__init__" and not ast.get_docstring(member):
                continue
            yield from _function(member, f"{node.name}.{member.name}", 4, drop_self=True)


def _fields(node: ast.ClassDef) -> Iterator[tuple[str, str, str]]:
    """Yield name, type and docstring of fields, of attributes set in ``__init__`` and of properties."""
    yield from _annotated(node.body)
    for member in node.body:
        if isinstance(member, ast.FunctionDef) and member.name == "__init__":
            yield from _assigned(member)
        if isinstance(member, ast.FunctionDef) and _is_property(member) and not member.name.startswith("_"):
            kind = ast.unparse(member.returns) if member.returns else ""
            yield member.name, kind, _one_line(ast.get_docstring(member) or "")


def _annotated(body: list[ast.stmt]) -> Iterator[tuple[str, str, str]]:
    for at, statement in enumerate(body):
        if not isinstance(statement, ast.AnnAssign) or not isinstance(statement.target, ast.Name):
            continue
        if not statement.target.id.startswith("_"):
            text = _text_after(body, at) or _one_line(_declared_help(statement.value))
            yield statement.target.id, ast.unparse(statement.annotation), text


def _declared_help(value: ast.expr | None) -> str:
    """Return the help of a field declared by ``setting(...)``, or by ``NAME.field(...)`` of a shared setting."""
    if not isinstance(value, ast.Call):
        return ""
    texts = [one.value for one in value.keywords if one.arg == "help"]
    if isinstance(value.func, ast.Name) and value.func.id == "setting":
        texts += value.args[2:3]
    if texts and isinstance(texts[0], ast.Constant):
        return str(texts[0].value)
    if isinstance(value.func, ast.Attribute) and isinstance(value.func.value, ast.Name):
        return getattr(getattr(settings, value.func.value.id, None), "help", "")
    return ""


def _assigned(init: ast.FunctionDef) -> Iterator[tuple[str, str, str]]:
    """Yield the attributes that ``__init__`` sets and a docstring explains; the type is that of the parameter."""
    kinds = {a.arg: ast.unparse(a.annotation) for a in init.args.args if a.annotation is not None}
    for at, statement in enumerate(init.body):
        target = statement.targets[0] if isinstance(statement, ast.Assign) else getattr(statement, "target", None)
        text = _text_after(init.body, at)
        if isinstance(target, ast.Attribute) and text and not target.attr.startswith("_"):
            own = ast.unparse(statement.annotation) if isinstance(statement, ast.AnnAssign) else ""
            yield target.attr, own or kinds.get(target.attr, ""), text


def _text_after(body: list[ast.stmt], at: int) -> str:
    following = body[at + 1] if at + 1 < len(body) else None
    if isinstance(following, ast.Expr) and isinstance(following.value, ast.Constant):
        return _one_line(str(following.value.value))
    return ""


def _is_property(node: ast.FunctionDef) -> bool:
    return any(isinstance(d, ast.Name) and d.id in ("property", "cached_property") for d in node.decorator_list)


def _function(node: ast.FunctionDef, name: str, level: int, drop_self: bool = False) -> Iterator[str]:
    yield from (f"{'#' * level} {name}", "", "```python", _signature(node, drop_self), "```", "")
    yield from _docstring(ast.get_docstring(node, clean=False))


def _signature(node: ast.FunctionDef, drop_self: bool) -> str:
    arguments = ast.parse(f"def f({ast.unparse(node.args)}): ...").body[0]
    assert isinstance(arguments, ast.FunctionDef)
    if drop_self and arguments.args.args and arguments.args.args[0].arg in ("self", "cls"):
        arguments.args.args.pop(0)
    returns = f" -> {ast.unparse(node.returns)}" if node.returns else ""
    text = f"{node.name}({ast.unparse(arguments.args)}){returns}"
    if len(text) <= 100:
        return text
    parts = _split(ast.unparse(arguments.args))
    return f"{node.name}(\n" + "".join(f"    {part},\n" for part in parts) + f"){returns}"


def _split(text: str) -> list[str]:
    """Split arguments at the commas outside brackets."""
    parts, depth, start = [], 0, 0
    for at, letter in enumerate(text):
        depth += (letter in "([{") - (letter in ")]}")
        if letter == "," and depth == 0:
            parts.append(text[start:at].strip())
            start = at + 1
    return [*parts, text[start:].strip()]


def _docstring(text: str | None) -> list[str]:
    """Return a Google-style docstring as Markdown: its sections become lists."""
    if not text:
        return []
    lines: list[str] = []
    inside = ""
    for line in cleandoc(text).splitlines():
        head = _SECTION.fullmatch(line)
        if head is not None:
            inside = head[1]
            lines += ["", f"**{inside}**", ""]
        elif inside and line.startswith(" ") and not inside.startswith("Example"):
            lines.append(_entry(line))
        else:
            inside = inside if not line or line.startswith(" ") else ""
            lines.append(_ticks(line))
    return [*lines, ""]


def _entry(line: str) -> str:
    """Return one line of a section: ``name: text`` begins an entry, what is indented further goes on with it."""
    text = line.strip()
    match = _ENTRY.fullmatch(text)
    if match is not None and len(line) - len(line.lstrip()) <= 4:
        kind = f" ({match['kind']})" if match["kind"] else ""
        return f"- `{match['name']}`{kind}: {_ticks(match['text'])}"
    return f"  {_ticks(text)}"


def _code(text: str) -> str:
    return html.escape(text, quote=False).replace("|", "&#124;")


def _one_line(text: str) -> str:
    return _ticks(" ".join(text.split()))


def _ticks(text: str) -> str:
    return text.replace("``", "`")
