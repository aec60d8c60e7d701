"""Reads and writes the configuration of outputs: specs of ``--to`` and tables of ``[[outputs]]``."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from edgevision.errors import BadInput, nearest
from edgevision.settings import Setting, by_key, checked, from_text, settings_of, to_file

from .config import OutputConfig
from .delivery import Delivery
from .kind import Kind
from .registry import KINDS, find

_SPEC = re.compile(r"([a-z]+):(.+)", re.DOTALL)
_MAX_SPEC = 2000


def from_file(value: Any) -> OutputConfig:
    """Return the output of one table of ``[[outputs]]``, or of a spec. Raises BadInput."""
    if isinstance(value, str):
        return parse_spec(value)
    if not isinstance(value, Mapping):
        raise BadInput(f"expected a table with the key spec, such as {{spec = 'jsonl:results.jsonl'}}, got {value!r}")
    more = {key: one for key, one in value.items() if key != "spec"}
    if not isinstance(value.get("spec"), str):
        raise BadInput("an output needs the key spec, such as spec = 'jsonl:results.jsonl'")
    kind, name, target = _split(value["spec"])
    return _build(kind, name, target, {key: (_setting(kind, name, key), one) for key, one in more.items()})


def parse_spec(text: str) -> OutputConfig:
    """Return the output of ``KIND:TARGET[,KEY=VALUE...]``. Raises BadInput."""
    kind, name, target = _split(text)
    given: dict[str, tuple[Setting, Any]] = {}
    while "," in target:  # settings are taken from the end: a path may contain a comma
        rest, _, part = target.rpartition(",")
        key, equals, value = part.partition("=")
        key = key.strip().replace("-", "_")
        known = by_key(kind.all_settings, key)
        if known is None and equals and rest and key.isidentifier():
            raise BadInput(f"{_unknown(kind, name, key)}; a target with such a comma can be given in a file (--config)")
        if known is None or not rest or not (equals or known.kind == "flag"):
            break
        if known.key in given:
            raise BadInput(f"{known.key} is given twice")
        given[known.key] = (known, _value(known, value if equals else "true"))
        target = rest
    return _build(kind, name, target, given)


def to_table(config: OutputConfig) -> dict[str, Any]:
    """Return the table of ``[[outputs]]`` from which ``from_file`` makes this output."""
    table: dict[str, Any] = {"spec": config.spec}
    parts: tuple[Any, ...] = (config.delivery, config.settings)
    for part in parts:
        kind: type = type(part)
        for name, one in settings_of(kind).items():
            value = getattr(part, name)
            if value != one.default:
                table[one.key] = to_file(one, value)
    return table


def placed(config: OutputConfig, folder: Path, *, relative: bool = False) -> OutputConfig:
    """Return an output whose paths are resolved against a folder, or with ``relative`` made relative to it."""

    def move(text: str) -> str:
        if relative:
            return text if Path(text).is_absolute() else os.path.relpath(text, folder)
        return str(folder / text)

    target = move(config.target) if find(config.kind).target != "text" else config.target
    own: type = type(config.settings)
    paths = [name for name, one in settings_of(own).items() if one.kind == "path"]
    moved = {n: Path(move(str(v))) for n in paths if (v := getattr(config.settings, n)) is not None}
    made = replace(config, target=target, settings=replace(config.settings, **moved))
    return made if relative else _with_credentials(made)


def _with_credentials(config: OutputConfig) -> OutputConfig:
    """Return an output that reads its files as systemd handed them to a service."""
    from .credentials import handed_over, input_files

    read = set(input_files(config))
    own: type = type(config.settings)
    paths = {name: getattr(config.settings, name) for name, one in settings_of(own).items() if one.kind == "path"}
    given = {name: handed_over(path) for name, path in paths.items() if path in read}
    return replace(config, settings=replace(config.settings, **given)) if given else config


def _split(text: str) -> tuple[Kind, str, str]:
    """Return kind, its name and the target. Raises BadInput."""
    if len(text) > _MAX_SPEC or not text.isprintable():
        raise BadInput("an output must be one printable line of at most 2000 characters")
    found = _SPEC.fullmatch(text.strip())
    name = text.partition(":")[0].strip()
    if found is None and name in KINDS:
        raise BadInput(f"{name}: no target given; expected {name}:TARGET, as listed in docs/guides/outputs.md")
    if found is None or found[1] not in KINDS:
        hint = nearest(found[1], list(KINDS)) if found else ""
        raise BadInput(f"unknown output {text.partition(':')[0]!r}{hint}; available: {', '.join(sorted(KINDS))}")
    return find(found[1]), found[1], found[2]


def _setting(kind: Kind, name: str, key: str) -> Setting:
    known = by_key(kind.all_settings, key)
    if known is None:
        raise BadInput(_unknown(kind, name, key))
    return known


def _unknown(kind: Kind, name: str, key: str) -> str:
    names = [one.key for one in kind.all_settings.values()]
    return f"{name} has no setting {key!r}" + (nearest(key, names) or f"; it has {', '.join(names)}")


def _value(one: Setting, text: str) -> Any:
    """Return the value as a file would hold it. Raises BadInput."""
    if one.kind == "flag":
        if text not in ("true", "false"):
            raise BadInput(f"{one.key}: expected true or false, got {text!r}")
        return text == "true"
    if one.kind == "texts":
        return text.split("|")
    try:
        return to_file(one, from_text(one, text))
    except BadInput as error:
        raise BadInput(f"{one.key}: {error}") from None


def _build(kind: Kind, name: str, target: str, given: Mapping[str, tuple[Setting, Any]]) -> OutputConfig:
    values: dict[str, Any] = {}
    for key, (one, value) in given.items():
        try:
            values[one.name] = checked(one, value)
        except BadInput as error:
            raise BadInput(f"{key}: {error}") from None
    common = settings_of(Delivery)
    delivery = Delivery(**{n: v for n, v in values.items() if n in common})
    own = kind.settings(**{n: v for n, v in values.items() if n not in common})
    return kind.check(OutputConfig(name, target, delivery, own))
