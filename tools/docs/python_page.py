"""The reference page of the public Python API, read from the source."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from edgevision import settings

from .docstrings import code, docstring, one_line
from .python_source import Source

PACKAGES = ("edgevision", "edgevision.convert", "edgevision.device")
BASE_ERROR = "EdgeVisionError"
INTRODUCTION = """\
What this page lists is public; everything else is private and may change without notice. That holds for the classes, too, that
an attribute names and this page does not list: of them, only what the text says is public. Where an object has `to_json`, its
[schema](../formats.md) is the stable way to its figures.
"""


@dataclass(frozen=True, slots=True)
class Public:
    """A public name."""

    name: str
    """Dotted name, as a user imports it."""
    module: str
    """Module in which it is defined."""
    node: ast.ClassDef | ast.FunctionDef


def render(folders: Mapping[str, Path]) -> dict[str, str]:
    """Return path -> Markdown of the API page. Raises LookupError where ``__all__`` lists a name that is not there."""
    source = Source(folders)
    lines = ["# Python API", "", INTRODUCTION]
    for package in PACKAGES:
        found = list(_public(source, package))
        if found:
            lines += [f"## {package}", "", *_package(source, found)]
    return {"python.md": "\n".join(lines) + "\n"}


def public_names(tree: ast.Module) -> list[str]:
    """Return what ``__all__`` lists; empty where there is none."""
    for node in tree.body:
        if isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if any(isinstance(t, ast.Name) and t.id == "__all__" for t in targets) and node.value is not None:
                return [str(name) for name in ast.literal_eval(node.value)]
    return []


def _public(source: Source, package: str) -> Iterator[Public]:
    for name in public_names(source.tree(package)):
        if not name.startswith("__"):
            module, node = source.find(package, name)
            assert isinstance(node, ast.ClassDef | ast.FunctionDef), (
                f"{package}.{name} is neither a class nor a function"
            )
            yield Public(f"{package}.{name}", module, node)


def _package(source: Source, names: list[Public]) -> Iterator[str]:
    """Yield functions, then classes, then a table of errors, then the types that their signatures name."""
    errors = [one for one in names if _is_error(source, one)]
    for one in names:
        if isinstance(one.node, ast.FunctionDef):
            yield from _function(source, one.module, one.node, one.name, 3)
    for one in names:
        if isinstance(one.node, ast.ClassDef) and one not in errors:
            yield from _class(source, one)
    if errors:
        yield from ("### Errors", "", *_errors(errors))
    aliases = dict(sorted(_aliases(source, names)))
    if aliases:
        yield from ("### Types", "", "| name | stands for |", "|---|---|")
        yield from (f"| `{name}` | <code>{code(text)}</code> |" for name, text in aliases.items())
        yield ""


def _is_error(source: Source, one: Public) -> bool:
    if not isinstance(one.node, ast.ClassDef):
        return False
    return BASE_ERROR in (one.node.name, *(base.name for _, base in source.bases(one.module, one.node)))


def _errors(errors: list[Public]) -> Iterator[str]:
    yield from (
        "Every fault of the user's input or machine is one of these. Most are also the built-in exception that fits.",
        "",
    )
    yield from ("| error | kind of | exit status, if not 1 | meaning |", "|---|---|---|---|")
    for one in sorted(errors, key=lambda one: (one.node.name != BASE_ERROR, one.node.name)):
        assert isinstance(one.node, ast.ClassDef)
        kinds = ", ".join(f"`{ast.unparse(base)}`" for base in one.node.bases)
        codes = [ast.unparse(s.value) for s in one.node.body if isinstance(s, ast.Assign | ast.AnnAssign) and s.value]
        text = one_line(ast.get_docstring(one.node) or "")
        yield f"| `{one.node.name}` | {kinds} | {''.join(codes)} | {text} |"
    yield ""


def _aliases(source: Source, names: list[Public]) -> Iterator[tuple[str, str]]:
    """Yield name and text of the type aliases in signatures and attributes."""
    for one in names:
        bases = list(source.bases(one.module, one.node)) if isinstance(one.node, ast.ClassDef) else []
        for module, node in ((one.module, one.node), *bases):
            for part in (part for annotation in _annotations(node) for part in ast.walk(annotation)):
                value = source.value(module, part.id) if isinstance(part, ast.Name) else None
                if value is not None and isinstance(part, ast.Name):
                    yield part.id, ast.unparse(value)


def _annotations(node: ast.AST) -> Iterator[ast.expr]:
    """Yield the annotations of what is public in a class or function."""
    if isinstance(node, ast.FunctionDef):
        arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
        yield from (argument.annotation for argument in arguments if argument.annotation is not None)
        yield from [node.returns] if node.returns is not None else []
    elif isinstance(node, ast.ClassDef):
        for member in node.body:
            if isinstance(member, ast.AnnAssign):
                yield member.annotation
            elif isinstance(member, ast.FunctionDef) and not member.name.startswith("_"):
                yield from _annotations(member)


def _class(source: Source, one: Public) -> Iterator[str]:
    assert isinstance(one.node, ast.ClassDef)
    node = one.node
    yield from (f"### {one.name}", "", *docstring(ast.get_docstring(node, clean=False)))
    if any(_is_setting(s.value) for s in node.body if isinstance(s, ast.AnnAssign)):
        yield from ("Allowed values and defaults: [Settings](settings.md).", "")
    bases = list(source.bases(one.module, node))
    fields = {name: (kind, text) for _, cls in reversed(bases) for name, kind, text in _fields(cls)}
    fields |= {name: (kind, text) for name, kind, text in _fields(node)}
    if fields:
        yield from ("| attribute | type | meaning |", "|---|---|---|")
        for name, (kind, text) in fields.items():
            yield f"| `{name}` | <code>{code(kind)}</code> | {text.replace('|', chr(92) + '|')} |"
        yield ""
    for member in node.body:
        if isinstance(member, ast.FunctionDef) and not _is_property(member) and _is_shown(member):
            yield from _function(source, one.module, member, f"{node.name}.{member.name}", 4, drop_self=True)


def _is_shown(member: ast.FunctionDef) -> bool:
    if not ast.get_docstring(member):
        return False
    return not member.name.startswith("_") or member.name in ("__init__", "__iter__")


def _is_setting(value: ast.expr | None) -> bool:
    return isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id == "setting"


def _fields(node: ast.ClassDef) -> Iterator[tuple[str, str, str]]:
    """Yield name, type and docstring of fields, of attributes set in ``__init__`` and of properties."""
    yield from _annotated(node.body)
    for member in node.body:
        if isinstance(member, ast.FunctionDef) and member.name == "__init__":
            yield from _assigned(member)
        if isinstance(member, ast.FunctionDef) and _is_property(member) and not member.name.startswith("_"):
            kind = ast.unparse(member.returns) if member.returns else ""
            yield member.name, kind, one_line(ast.get_docstring(member) or "")


def _annotated(body: list[ast.stmt]) -> Iterator[tuple[str, str, str]]:
    for at, statement in enumerate(body):
        if not isinstance(statement, ast.AnnAssign) or not isinstance(statement.target, ast.Name):
            continue
        if not statement.target.id.startswith("_"):
            text = _text_after(body, at) or one_line(_declared_help(statement.value))
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
        return one_line(str(following.value.value))
    return ""


def _is_property(node: ast.FunctionDef) -> bool:
    return any(isinstance(d, ast.Name) and d.id in ("property", "cached_property") for d in node.decorator_list)


def _function(
    source: Source, module: str, node: ast.FunctionDef, name: str, level: int, drop_self: bool = False
) -> Iterator[str]:
    yield from (f"{'#' * level} {name}", "", "```python", _signature(source, module, node, drop_self), "```", "")
    yield from docstring(ast.get_docstring(node, clean=False))


def _signature(source: Source, module: str, node: ast.FunctionDef, drop_self: bool) -> str:
    parts = list(_parameters(source, module, node.args))[1 if drop_self else 0 :]
    returns = f" -> {ast.unparse(node.returns)}" if node.returns else ""
    text = f"{node.name}({', '.join(parts)}){returns}"
    if len(text) <= 100:
        return text
    return f"{node.name}(\n" + "".join(f"    {part},\n" for part in parts) + f"){returns}"


def _parameters(source: Source, module: str, arguments: ast.arguments) -> Iterator[str]:
    """Yield each parameter with its type and default; the name of a constant is replaced by its value."""
    plain = [*arguments.posonlyargs, *arguments.args]
    defaults: list[ast.expr | None] = [None] * (len(plain) - len(arguments.defaults)) + list(arguments.defaults)
    for argument, default in zip(plain, defaults, strict=True):
        yield _parameter(source, module, argument, default)
    if arguments.vararg is not None:
        yield f"*{ast.unparse(arguments.vararg)}"
    elif arguments.kwonlyargs:
        yield "*"
    for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        yield _parameter(source, module, argument, default)
    if arguments.kwarg is not None:
        yield f"**{ast.unparse(arguments.kwarg)}"


def _parameter(source: Source, module: str, argument: ast.arg, default: ast.expr | None) -> str:
    if default is None:
        return ast.unparse(argument)
    value = source.value(module, default.id) if isinstance(default, ast.Name) else None
    return f"{ast.unparse(argument)} = {ast.unparse(value or default)}"
