"""Reference pages of the JSON schemas, one for each file of edgevision/schemas."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

FOLDER = "schemas"
MAX_DEPTH = 6
"""Objects within objects that are followed; deeper ones are named only."""


def render(folder: Path) -> dict[str, str]:
    """Return path -> Markdown; empty where the folder does not exist. Raises ValueError for a damaged schema."""
    files = sorted(folder.glob("*.json")) if folder.is_dir() else []
    if not files:
        return {}
    read = {path.name.removesuffix(".json").removesuffix(".schema"): _read(path) for path in files}
    schemas = {name: _inlined(schema, schema, read) for name, schema in read.items()}
    pages = {f"{FOLDER}/{name}.md": _page(name, schema) for name, schema in schemas.items()}
    rows = [f"| [`{name}`]({name}.md) | {_cell(_summary(schema))} |" for name, schema in schemas.items()]
    head = [
        "# JSON schemas",
        "",
        "What `--json` prints is valid by these [JSON Schemas](https://json-schema.org/) (draft 2020-12), which are part of the "
        'package: `importlib.resources.files("edgevision") / "schemas"`. Readers ignore keys that a schema does not name.',
        "",
    ]
    return {f"{FOLDER}/index.md": "\n".join([*head, "| schema | content |", "|---|---|", *rows, ""])} | pages


def _read(path: Path) -> dict[str, Any]:
    try:
        schema = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is not JSON: {error}") from None
    if not isinstance(schema, dict):
        raise ValueError(f"{path} is not a JSON object")
    return schema


def _page(name: str, schema: dict[str, Any]) -> str:
    lines = [f"# {name}", ""]
    if text := _summary(schema):
        lines += [text, ""]
    branches = schema.get("oneOf", ())
    for branch in branches:
        lines += [f"## {branch.get('title', 'one of')}", "", _summary(branch), "", *_table(branch), ""]
    return "\n".join([*lines, *([] if branches else [*_table(schema), ""])])


def _table(schema: dict[str, Any]) -> list[str]:
    rows = [
        f"| `{field}` | {_cell(kind)}{'' if required else ', optional'} | {_cell(text)} |"
        for field, kind, text, required in _properties(schema, "", 0)
    ]
    return ["| field | type | meaning |", "|---|---|---|", *rows]


def _inlined(value: Any, root: dict[str, Any], schemas: dict[str, dict[str, Any]]) -> Any:
    """Replace references by what they refer to, and those to a whole other file by a link to its page."""
    if isinstance(value, list):
        return [_inlined(item, root, schemas) for item in value]
    if not isinstance(value, dict):
        return value
    if "$ref" not in value:
        return {key: _inlined(item, root, schemas) for key, item in value.items()}
    file, _, pointer = value["$ref"].partition("#")
    (name,) = [name for name, one in schemas.items() if one.get("$id") == file] if file else [""]
    if not pointer:
        return {"type": f"[{name}]({name}.md)", "description": value.get("description", "")}
    root = schemas[name] if name else root
    target: Any = root
    for part in pointer[1:].split("/"):
        target = target[part]
    return _inlined({**target, **{key: item for key, item in value.items() if key != "$ref"}}, root, schemas)


def _properties(schema: dict[str, Any], prefix: str, depth: int) -> Iterator[tuple[str, str, str, bool]]:
    for branch in (*schema.get("oneOf", ()), *schema.get("anyOf", ()), *schema.get("allOf", ())):
        yield from _properties(branch, prefix, depth)
    required = set(schema.get("required", ()))
    for name, value in schema.get("properties", {}).items():
        yield f"{prefix}{name}", _type(value), _meaning(value), name in required
        if depth < MAX_DEPTH:
            for key, mark in (("items", "[]"), ("additionalProperties", ".*")):
                if isinstance(value.get(key), dict):
                    yield from _properties(value[key], f"{prefix}{name}{mark}.", depth + 1)
            yield from _properties(value, f"{prefix}{name}.", depth + 1)


def _meaning(schema: dict[str, Any]) -> str:
    known = ", ".join(f"`{value}`" for value in schema.get("examples", ()))
    return " ".join(filter(None, (str(schema.get("description", "")), known and f"So far: {known}.")))


def _type(schema: dict[str, Any]) -> str:
    if "const" in schema:
        return f"`{json.dumps(schema['const'])}`"
    if "enum" in schema:
        return " or ".join(f"`{json.dumps(value)}`" for value in schema["enum"])
    kinds = schema.get("type", "")
    if isinstance(kinds, list):
        return " or ".join(kinds)
    if kinds == "array" and isinstance(schema.get("items"), dict):
        return f"array of {_type(schema['items']) or 'values'}"
    branches = [*schema.get("oneOf", ()), *schema.get("anyOf", ())]
    if not kinds and branches:
        return " or ".join(dict.fromkeys(_type(one) or "value" for one in branches))
    return str(kinds)


def _summary(schema: dict[str, Any]) -> str:
    return str(schema.get("description") or schema.get("title") or "")


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
