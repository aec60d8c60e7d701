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
    schemas = {path.name.removesuffix(".json").removesuffix(".schema"): _read(path) for path in files}
    pages = {f"{FOLDER}/{name}.md": _page(name, schema) for name, schema in schemas.items()}
    rows = [f"| [`{name}`]({name}.md) | {_cell(_summary(schema))} |" for name, schema in schemas.items()]
    head = ["# JSON schemas", "", "What `--json` prints is valid by these schemas, which are part of the package.", ""]
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
    lines += ["| field | type | meaning |", "|---|---|---|"]
    lines += [
        f"| `{field}` | {_cell(kind)}{'' if required else ', optional'} | {_cell(text)} |"
        for field, kind, text, required in _properties(schema, schema, "", 0)
    ]
    return "\n".join([*lines, ""])


def _properties(
    schema: dict[str, Any], root: dict[str, Any], prefix: str, depth: int
) -> Iterator[tuple[str, str, str, bool]]:
    schema = _resolve(schema, root)
    for branch in (*schema.get("oneOf", ()), *schema.get("anyOf", ()), *schema.get("allOf", ())):
        yield from _properties(branch, root, prefix, depth)
    required = set(schema.get("required", ()))
    for name, value in schema.get("properties", {}).items():
        value = _resolve(value, root)
        yield f"{prefix}{name}", _type(value, root), str(value.get("description", "")), name in required
        if depth < MAX_DEPTH:
            items = value.get("items")
            if isinstance(items, dict):
                yield from _properties(items, root, f"{prefix}{name}[].", depth + 1)
            yield from _properties(value, root, f"{prefix}{name}.", depth + 1)


def _resolve(schema: dict[str, Any], root: dict[str, Any]) -> dict[str, Any]:
    """Follow a reference within the same file."""
    reference = schema.get("$ref", "")
    if not reference.startswith("#/"):
        return schema
    target: Any = root
    for part in reference[2:].split("/"):
        target = target[part]
    return {**target, **{key: value for key, value in schema.items() if key != "$ref"}}


def _type(schema: dict[str, Any], root: dict[str, Any]) -> str:
    if "const" in schema:
        return f"`{json.dumps(schema['const'])}`"
    if "enum" in schema:
        return " or ".join(f"`{json.dumps(value)}`" for value in schema["enum"])
    kinds = schema.get("type", "")
    if isinstance(kinds, list):
        return " or ".join(kinds)
    if kinds == "array" and isinstance(schema.get("items"), dict):
        return f"array of {_type(_resolve(schema['items'], root), root) or 'values'}"
    branches = [*schema.get("oneOf", ()), *schema.get("anyOf", ())]
    if not kinds and branches:
        return " or ".join(dict.fromkeys(_type(_resolve(one, root), root) or "value" for one in branches))
    return str(kinds)


def _summary(schema: dict[str, Any]) -> str:
    return str(schema.get("description") or schema.get("title") or "")


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
