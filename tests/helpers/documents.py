"""The JSON that the product writes: parsed strictly, valid by its schema, and without a key that the schema does not name."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker
from jsonschema.exceptions import best_match
from locations import ROOT
from referencing import Registry, Resource

FOLDER = ROOT / "edgevision" / "schemas"
PROPORTIONS = frozenset("score precision recall f1 roc_auc pr_auc top5 ece area share threshold".split())
UNITS = re.compile(r".*_(ms|s|mb|bytes|fps|points|c|mhz)")
_FORMATS = FormatChecker(formats=())


@_FORMATS.checks("date-time")
def _is_rfc3339_utc(value: object) -> bool:
    return not isinstance(value, str) or bool(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", value))


def parse(text: str | bytes, name: str) -> dict[str, Any]:
    """Return the only document in a text; ``name``: of its schema, such as ``evaluate``."""
    return valid(loads(text), name)


def parse_lines(text: str, name: str = "run_line") -> list[dict[str, Any]]:
    """Return one document per line."""
    return [parse(line, name) for line in text.splitlines()]


def valid(document: Any, name: str | None = None) -> dict[str, Any]:
    """Return a document that is valid by its schema and keeps the rules for names and units; fail for another."""
    assert isinstance(document, dict)
    stated = document.get("schema")
    name = name or re.fullmatch(r"edgevision\.(\w+)/\d+", str(stated))[1]  # type: ignore[index]
    error = best_match(_validator(name, strict=True).iter_errors(document))
    assert error is None, f"{name}: {error.json_path}: {error.message:.500}" if error else ""
    check_rules(document)
    return document


def accepted(document: dict[str, Any], name: str) -> bool:
    """Return whether a document is valid by the schema as it is in the package, which allows unknown keys."""
    return bool(_validator(name, strict=False).is_valid(document))


def loads(text: str | bytes) -> Any:
    """Parse JSON without NaN and infinite numbers."""
    return json.loads(text, parse_constant=_no_constant)


def check_rules(value: Any, key: str = "") -> None:
    """Fail for NaN, a proportion outside of 0..1, or a unit in the name of something that is not a number."""
    if isinstance(value, dict):
        for name, item in value.items():
            check_rules(item, name)
    elif isinstance(value, list):
        for item in value:
            check_rules(item, key)
    elif isinstance(value, float):
        assert math.isfinite(value), key
    if isinstance(value, (int, float)) and key in PROPORTIONS:
        assert 0 <= value <= 1, f"{key} is not a proportion: {value}"
    if UNITS.fullmatch(key):
        assert not isinstance(value, (str, bool)), f"{key} is not a number: {value!r}"


@cache
def schemas() -> dict[str, dict[str, Any]]:
    """Return the schemas of the package by name; the newest of each name."""
    found = {}
    for path in sorted(FOLDER.glob("*.schema.json")):
        name = re.fullmatch(r"edgevision\.(\w+)-\d+\.schema\.json", path.name)
        assert name is not None, path
        found[name[1]] = json.loads(path.read_text(encoding="utf-8"))
    return found


def walk(schema: Any) -> Iterator[dict[str, Any]]:
    """Yield a schema and all schemas within it."""
    if isinstance(schema, dict):
        yield schema
    for item in schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else ():
        yield from walk(item)


@cache
def _validator(name: str, strict: bool) -> Draft202012Validator:
    change: Callable[[Any], Any] = closed if strict else lambda schema: schema
    registry: Registry[Any] = Registry().with_resources(
        (schema["$id"], Resource.from_contents(change(schema))) for schema in schemas().values()
    )
    return Draft202012Validator(change(schemas()[name]), registry=registry, format_checker=_FORMATS)


def closed(schema: Any) -> Any:
    """Return a schema that allows only the keys and the examples that it names."""
    if isinstance(schema, list):
        return [closed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    found = {key: closed(item) for key, item in schema.items()}
    if isinstance(schema.get("properties"), dict) and "additionalProperties" not in schema:
        found["additionalProperties"] = False
    if "examples" in schema:
        found["enum"] = schema["examples"]
    return found


def _no_constant(name: str) -> float:
    raise AssertionError(f"JSON does not allow {name}")
