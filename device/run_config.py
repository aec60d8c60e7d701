"""The configuration file of ``edgevision run``: the same names as its options, in TOML, with paths seen from the file."""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from edgevision import toml_file
from edgevision.errors import BadInput, nearest

LEFT_OUT = frozenset({"config", "save_config", "overwrite", "help"})
"""Of this one command line, not of a set-up."""
PLACES = frozenset({"camera", "source"})
"""Paths, too, unless they are a number, a URL or another kind of camera."""
_KIND = re.compile(r"-|\d+|[A-Za-z][A-Za-z0-9+.]+:.*")
HEADER = "# Options of edgevision run; paths are seen from this file. Use it: edgevision run --config {name}\n"


def keys(command: click.Command) -> dict[str, click.Parameter]:
    """What a file may hold: the option's name with _ for -, and model."""
    found = {_key(parameter): parameter for parameter in command.params}
    return {key: parameter for key, parameter in found.items() if parameter.name not in LEFT_OUT}


def read(path: Path, command: click.Command, ctx: click.Context) -> dict[str, Any]:
    """Parameter name -> value, checked by the option it belongs to. Raises MissingFile, BadInput with file and line."""
    text, values = toml_file.read(path, "a TOML file, as --save-config writes it")
    known = keys(command)
    found: dict[str, Any] = {}
    for key, value in values.items():
        where = f"{path}:{_line(text, key)}"
        if key not in known:
            raise BadInput(f"{where}: no option {key!r}{_hint(key, known)}")
        parameter = known[key]
        assert parameter.name is not None
        found[parameter.name] = _from_file(_checked(where, key, value, parameter, ctx), parameter, path.parent)
    return found


def dumps(command: click.Command, given: Mapping[str, Any], path: Path) -> str:
    """The text of a file that repeats this command line; options that were not given are there as comments."""
    lines = [HEADER.format(name=path.name)]
    for key, parameter in keys(command).items():
        value = given.get(parameter.name or "")
        text = getattr(parameter, "help", None) or "The .tflite to run."
        lines.append("# " + " ".join(text.split()))
        if value is None or value is False or value == ():
            lines.append(f"# {key} =\n")
        else:
            lines.append(f"{key} = {_literal(_to_file(value, parameter, path.parent))}\n")
    return "\n".join(lines)


def _checked(where: str, key: str, value: Any, parameter: click.Parameter, ctx: click.Context) -> Any:
    """What the option itself would make of the value. TOML has types of its own: no text stands for a number."""
    if key == "camera" and type(value) is int:
        value = str(value)  # camera = 0 is what a person writes
    kinds, wanted = _kinds(parameter)
    if type(value) not in kinds:
        raise BadInput(f"{where}: {key} must be {wanted}, not {json.dumps(value, default=str, ensure_ascii=False)}")
    if isinstance(value, float) and not math.isfinite(value):
        raise BadInput(f"{where}: {key} must be {wanted}, not {value}")
    try:
        return parameter.process_value(ctx, value)
    except click.BadParameter as error:
        raise BadInput(f"{where}: {key}: {error.message.rstrip('.')}") from None


def _kinds(parameter: click.Parameter) -> tuple[tuple[type, ...], str]:
    """The types of TOML that an option takes, and their name for people."""
    if isinstance(parameter, click.Option) and parameter.is_flag:
        return (bool,), "true or false"
    if isinstance(parameter.type, click.types.IntParamType):
        return (int,), "a whole number"
    if isinstance(parameter.type, click.types.FloatParamType):
        return (int, float), "a number"
    return (str,), "a text"


def _from_file(value: Any, parameter: click.Parameter, folder: Path) -> Any:
    """A relative path, seen from the folder of the file."""
    if _is_path(value, parameter) and not Path(value).is_absolute():
        return type(value)(folder / value) if isinstance(value, Path) else str(folder / value)
    return value


def _to_file(value: Any, parameter: click.Parameter, folder: Path) -> Any:
    """The other way round: a relative path was seen from the working directory."""
    if not _is_path(value, parameter):
        return str(value) if isinstance(value, Path) else value
    return str(value) if Path(value).is_absolute() else os.path.relpath(value, folder)


def _is_path(value: Any, parameter: click.Parameter) -> bool:
    if isinstance(parameter.type, click.Path):
        return True
    return parameter.name in PLACES and (not _KIND.fullmatch(str(value)) or Path(str(value)).exists())


def _literal(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    return json.dumps(str(value), ensure_ascii=False)  # TOML's basic strings take all that JSON writes


def _key(parameter: click.Parameter) -> str:
    """--on-motion is on_motion; an argument has its own name."""
    if isinstance(parameter, click.Argument):
        return str(parameter.name)
    return max(parameter.opts, key=len).removeprefix("--").replace("-", "_")


def _hint(key: str, known: Mapping[str, Any]) -> str:
    return nearest(key.lower().replace("-", "_"), list(known)) or f"; there are {', '.join(known)}"


def _line(text: str, key: str) -> int:
    """Where a key stands, counted from 1; tomllib does not tell."""
    name = re.escape(key)
    pattern = re.compile(rf"\s*(\[\s*)?[\"']?{name}[\"']?\s*(=|\.|\])")
    return next((number for number, line in enumerate(text.splitlines(), 1) if pattern.match(line)), 1)
