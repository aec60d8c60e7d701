"""The configuration file of ``edgevision run``: the same names as its options, in TOML, with paths seen from the file."""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from edgevision import toml_file
from edgevision.errors import BadInput, nearest
from edgevision.terminal import printable

LEFT_OUT = frozenset({"config", "save_config", "overwrite", "help"})
"""Of this one command line, not of a set-up."""
PLACES = frozenset({"camera", "source"})
"""Paths, too, unless they are a number, a URL or another kind of camera."""
_KIND = re.compile(r"-|\d+|[A-Za-z][A-Za-z0-9+.]+:.*")
_WHOLE: dict[type, str] = {list: "a list", dict: "a table"}
"""Not shown: a URL in one may hold a password."""
HEADER = "# Options of edgevision run; paths are seen from this file. Use it: edgevision run --config {name}\n"


def keys(command: click.Command) -> dict[str, click.Parameter]:
    """What a file may hold: the option's name with _ for -, and model."""
    found = {_key(parameter): parameter for parameter in command.params}
    return {key: parameter for key, parameter in found.items() if parameter.name not in LEFT_OUT}


def read(path: Path, command: click.Command, ctx: click.Context) -> dict[str, Any]:
    """Parameter name -> value, checked by the option it belongs to. Raises MissingFile, BadInput with file and line."""
    return options(toml_file.read(path, "a TOML file, as --save-config writes it"), command, ctx)


def options(file: toml_file.TomlFile, command: click.Command, ctx: click.Context) -> dict[str, Any]:
    """The same of a file that was read already. Raises BadInput with file and line."""
    known = keys(command)
    values = checked(file.values, known, file.where, ctx)
    return {_name(known[key]): _from_file(value, known[key], file.path.parent) for key, value in values.items()}


def read_all(paths: Sequence[Path], command: click.Command, ctx: click.Context) -> dict[str, Any]:
    """What several files say together: a later one wins, key by key. Raises MissingFile, BadInput."""
    return merged([read(path, command, ctx) for path in paths])


def merged(all_options: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Options of several files: a later one wins, key by key."""
    found: dict[str, Any] = {}
    for more in all_options:
        if more.keys() & PLACES:  # a camera takes the place of a source, and the other way round
            found = {name: value for name, value in found.items() if name not in PLACES}
        found |= more
    return found


def checked(
    values: Mapping[str, Any], known: Mapping[str, click.Parameter], where: Callable[[str], str], ctx: click.Context
) -> dict[str, Any]:
    """Key -> what its option makes of the value; ``where``: FILE:LINE of a key. Raises BadInput."""
    found = {}
    for key, value in values.items():
        if key not in known:
            raise BadInput(f"{where(key)}: no option {key!r}{_hint(key, known)}")
        found[key] = _checked(where(key), key, value, known[key], ctx)
    return found


def dumps(command: click.Command, given: Mapping[str, Any], path: Path) -> str:
    """The text of a file that repeats this command line; options that were not given are there as comments."""
    lines = [HEADER.format(name=path.name)]
    for key, parameter in keys(command).items():
        value = given.get(parameter.name or "")
        # Also what is off: a file that comes before may switch it on.
        lines.append(entry(key, parameter, None if value is None else _to_file(value, parameter, path.parent)))
    return "\n".join(lines)


def entry(key: str, parameter: click.Parameter, value: Any) -> str:
    """An option's help as a comment, and the line that gives it; a comment, too, where there is nothing to give."""
    text = getattr(parameter, "help", None) or "The .tflite to run."
    given = f"# {key} =" if value is None else f"{key} = {toml_file.literal(value)}"
    return f"# {' '.join(text.split())}\n{given}\n"


def _checked(where: str, key: str, value: Any, parameter: click.Parameter, ctx: click.Context) -> Any:
    """What the option itself would make of the value. TOML has types of its own: no text stands for a number."""
    if key == "camera" and type(value) is int:
        value = str(value)  # camera = 0 is what a person writes
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


def is_path(value: Any, parameter: click.Parameter) -> bool:
    """Whether it is a file or folder by its form alone."""
    return isinstance(parameter.type, click.Path) or (parameter.name in PLACES and names_file(str(value)))


def names_file(spec: str) -> bool:
    """Whether a camera or source is a path by its form: no number, no URL, no other kind such as test:."""
    return not _KIND.fullmatch(spec)


def _is_path(value: Any, parameter: click.Parameter) -> bool:
    """Also a picture here that is called like a camera."""
    return is_path(value, parameter) or (parameter.name in PLACES and Path(str(value)).exists())


def _name(parameter: click.Parameter) -> str:
    assert parameter.name is not None
    return parameter.name


def _key(parameter: click.Parameter) -> str:
    """--on-motion is on_motion; an argument has its own name."""
    if isinstance(parameter, click.Argument):
        return str(parameter.name)
    return max(parameter.opts, key=len).removeprefix("--").replace("-", "_")


def _hint(key: str, known: Mapping[str, Any]) -> str:
    return nearest(key.lower().replace("-", "_"), list(known)) or f"; there are {', '.join(known)}"
