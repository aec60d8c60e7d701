"""The configuration file of ``edgevision run``: its options in TOML, with paths relative to the file."""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from edgevision.errors import BadInput, nearest
from edgevision.files import toml
from edgevision.reporting.terminal import printable

LEFT_OUT = frozenset({"config", "save_config", "overwrite", "verbose", "help"})
"""Options that belong to one command line, not to a configuration."""
PLACES = frozenset({"camera", "source"})
"""Options that may be paths, unless they are a number, a URL or another camera spec."""
_KIND = re.compile(r"-|\d+|[A-Za-z][A-Za-z0-9+.]+:.*")
_WHOLE: dict[type, str] = {list: "a list", dict: "a table"}
"""Descriptions of values that are not shown: a URL inside may hold a password."""
HEADER = "# Options of edgevision run; paths are relative to this file. Usage: edgevision run --config {name}\n"


def keys(command: click.Command) -> dict[str, click.Parameter]:
    """Return the keys that a file may hold: option names with _ for -, and model."""
    found = {_key(parameter): parameter for parameter in command.params}
    return {key: parameter for key, parameter in found.items() if parameter.name not in LEFT_OUT}


def read(path: Path, command: click.Command, ctx: click.Context) -> dict[str, Any]:
    """Return parameter name -> value, validated by its option. Raises MissingFile, BadInput with file and line."""
    return options(toml.read(path, "a TOML file, as --save-config writes it"), command, ctx)


def options(file: toml.TomlFile, command: click.Command, ctx: click.Context) -> dict[str, Any]:
    """Return the same from a file already read. Raises BadInput with file and line."""
    known = keys(command)
    values = checked(file.values, known, file.where, ctx)
    return {_name(known[key]): _from_file(value, known[key], file.path.parent) for key, value in values.items()}


def read_all(paths: Sequence[Path], command: click.Command, ctx: click.Context) -> dict[str, Any]:
    """Return the options of several files, later ones winning key by key. Raises MissingFile, BadInput."""
    return merged([read(path, command, ctx) for path in paths])


def merged(all_options: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Merge the options of several files; later ones win key by key."""
    found: dict[str, Any] = {}
    for more in all_options:
        if more.keys() & PLACES:  # a camera replaces a source, and vice versa
            found = {name: value for name, value in found.items() if name not in PLACES}
        found |= more
    return found


def checked(
    values: Mapping[str, Any], known: Mapping[str, click.Parameter], where: Callable[[str], str], ctx: click.Context
) -> dict[str, Any]:
    """Return key -> validated value; ``where``: returns FILE:LINE of a key. Raises BadInput."""
    found = {}
    for key, value in values.items():
        if key not in known:
            raise BadInput(f"{where(key)}: unknown option {key!r}{_hint(key, known)}")
        found[key] = _checked(where(key), key, value, known[key], ctx)
    return found


def dumps(command: click.Command, given: Mapping[str, Any], path: Path) -> str:
    """Return the text of a file that repeats this command line; options not given are included as comments."""
    lines = [HEADER.format(name=path.name)]
    for key, parameter in keys(command).items():
        value = given.get(parameter.name or "")
        # Include disabled flags too: an earlier file may enable them.
        lines.append(entry(key, parameter, None if value is None else _to_file(value, parameter, path.parent)))
    return "\n".join(lines)


def entry(key: str, parameter: click.Parameter, value: Any) -> str:
    """Return an option's help as a comment, and its line; the line is a comment too if there is no value."""
    text = getattr(parameter, "help", None) or "The .tflite to run."
    given = f"# {key} =" if value is None else f"{key} = {toml.literal(value)}"
    return f"# {' '.join(text.split())}\n{given}\n"


def _checked(where: str, key: str, value: Any, parameter: click.Parameter, ctx: click.Context) -> Any:
    """Validate a value with its option. TOML has types of its own: a string is not accepted for a number."""
    if key == "camera" and type(value) is int:
        value = str(value)  # people write camera = 0
    kinds, wanted = _kinds(parameter)
    if type(value) not in kinds:
        given = _WHOLE.get(type(value)) or json.dumps(value, default=str, ensure_ascii=False)
        raise BadInput(f"{where}: {key} must be {wanted}, not {printable(given)}")
    if isinstance(value, float) and not math.isfinite(value):
        raise BadInput(f"{where}: {key} must be {wanted}, not {value}")
    try:
        return parameter.process_value(ctx, value)
    except click.BadParameter as error:
        raise BadInput(f"{where}: {key}: {error.message.rstrip('.')}") from None


def _kinds(parameter: click.Parameter) -> tuple[tuple[type, ...], str]:
    """Return the TOML types that an option accepts, and their name for messages."""
    if isinstance(parameter, click.Option) and parameter.is_flag:
        return (bool,), "true or false"
    if isinstance(parameter.type, click.types.IntParamType):
        return (int,), "a whole number"
    if isinstance(parameter.type, click.types.FloatParamType):
        return (int, float), "a number"
    return (str,), "a string"


def _from_file(value: Any, parameter: click.Parameter, folder: Path) -> Any:
    """Resolve a relative path against the folder of the file."""
    if _is_path(value, parameter) and not Path(value).is_absolute():
        return type(value)(folder / value) if isinstance(value, Path) else str(folder / value)
    return value


def _to_file(value: Any, parameter: click.Parameter, folder: Path) -> Any:
    """Make a path relative to the folder of the file; it was relative to the working directory."""
    if not _is_path(value, parameter):
        return str(value) if isinstance(value, Path) else value
    return str(value) if Path(value).is_absolute() else os.path.relpath(value, folder)


def is_path(value: Any, parameter: click.Parameter) -> bool:
    """Return whether the value is a file or folder, judging by its form alone."""
    return isinstance(parameter.type, click.Path) or (parameter.name in PLACES and names_file(str(value)))


def names_file(spec: str) -> bool:
    """Return whether a camera or source looks like a path: not a number, URL or prefix such as test:."""
    return not _KIND.fullmatch(spec)


def _is_path(value: Any, parameter: click.Parameter) -> bool:
    """Also accept an existing file whose name looks like a camera."""
    return is_path(value, parameter) or (parameter.name in PLACES and Path(str(value)).exists())


def _name(parameter: click.Parameter) -> str:
    assert parameter.name is not None
    return parameter.name


def _key(parameter: click.Parameter) -> str:
    """Return the key of an option (--on-motion: on_motion) or argument (its own name)."""
    if isinstance(parameter, click.Argument):
        return str(parameter.name)
    return max(parameter.opts, key=len).removeprefix("--").replace("-", "_")


def _hint(key: str, known: Mapping[str, Any]) -> str:
    return nearest(key.lower().replace("-", "_"), list(known)) or f"; available options: {', '.join(known)}"
