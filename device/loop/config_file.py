"""The configuration file of ``edgevision run``: its settings in TOML, with paths relative to the file."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from edgevision.errors import BadInput, nearest
from edgevision.files import toml
from edgevision.files.atomic import write_text
from edgevision.files.url_secrets import masked
from edgevision.log import Log
from edgevision.settings import Setting, checked_table, help_text, to_file

from .options import SETTINGS, Options

log = Log("edgevision.loop")
LEFT_OUT = frozenset({"overwrite"})
"""Settings that belong to one command line, not to a configuration."""
PLACES = frozenset({"camera", "source"})
"""Settings that may be paths, unless they are a number, a URL or another camera spec."""
KEPT = {name: one for name, one in SETTINGS.items() if name not in LEFT_OUT}
"""The settings that a file may hold, by field name."""
_KIND = re.compile(r"-|\d+|[A-Za-z][A-Za-z0-9+.]+:.*")
HEADER = "# Options of edgevision run; paths are relative to this file. Usage: edgevision run --config {name}\n"


def read(path: Path) -> dict[str, Any]:
    """Return field name -> validated value. Raises MissingFile, BadInput with file and line."""
    return options(toml.read(path, "a TOML file, as --save-config writes it"))


def options(file: toml.TomlFile) -> dict[str, Any]:
    """Return the same from a file already read. Raises BadInput with file and line."""
    values = checked(file.values, file.where)
    log.info("%s: %s", file.path, ", ".join(values) or "no settings")  # no values: a URL may hold a password
    return {name: _from_file(name, value, file.path.parent) for name, value in values.items()}


def read_all(paths: Sequence[Path]) -> dict[str, Any]:
    """Return the settings of several files, later ones winning key by key. Raises MissingFile, BadInput."""
    return merged([read(path) for path in paths])


def merged(all_options: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Merge the settings of several files; later ones win key by key."""
    found: dict[str, Any] = {}
    for more in all_options:
        if more.keys() & PLACES:  # a camera replaces a source, and vice versa
            found = {name: value for name, value in found.items() if name not in PLACES}
        found |= more
    return found


def checked(values: Mapping[str, Any], where: Callable[[str], str]) -> dict[str, Any]:
    """Return field name -> validated value of keys and values. ``where``: returns FILE:LINE of a key. Raises BadInput."""
    if type(values.get("camera")) is int:
        values = {**values, "camera": str(values["camera"])}  # people write camera = 0
    if type(values.get("page")) is int:
        values = {**values, "page": str(values["page"])}
    return checked_table(values, KEPT, where, _unknown)


def changed(options: Options) -> dict[str, Any]:
    """Return field name -> value of the settings that differ from their defaults."""
    values = {name: getattr(options, name) for name in KEPT}
    return {name: value for name, value in values.items() if value != KEPT[name].default}


def dumps(given: Mapping[str, Any], path: Path) -> str:
    """Return the text of a file with these settings; those not given are included as comments."""
    lines = [HEADER.format(name=path.name)]
    for name, one in KEPT.items():
        value = given.get(name)
        # Include disabled flags too: an earlier file may enable them.
        lines.append(entry(one, None if value is None else _to_file(one, value, path.parent)))
    return "\n".join(lines)


def update(path: Path, changes: Mapping[str, Any]) -> None:
    """Set settings by field name in an existing file; None removes one. Comments and the rest stay. Raises EdgeVisionError."""
    file = toml.read(path, "a TOML file, as --save-config writes it")
    text = file.text
    for name, value in changes.items():
        one = KEPT[name]
        line = f"# {one.key} =" if value is None else f"{one.key} = {toml.literal(to_file(one, value))}"
        text = _with_line(text, one, line, given=value is not None)
    if not _says(text, path, changes):
        raise BadInput(
            f"cannot change {path}: its form is unusual; set {', '.join(KEPT[n].key for n in changes)} by hand"
        )
    private = not path.stat().st_mode & 0o077
    write_text(path.resolve(), text, private=private)


def _says(text: str, path: Path, changes: Mapping[str, Any]) -> bool:
    """Return whether a text has these settings, and is read as strictly as a file."""
    try:
        new = toml.parse(text, path)
        found = checked(new.values, new.where)
    except BadInput:  # such as the rest of a list that went over several lines
        return False
    return all(found.get(name) == value for name, value in changes.items())


def _with_line(text: str, setting: Setting, line: str, given: bool) -> str:
    """Replace the line of a setting before the first table, or the comment that stands for it, or add one."""
    table = re.search(r"^[ \t]*\[", text, re.MULTILINE)
    top, rest = (text[: table.start()], text[table.start() :]) if table else (text, "")
    keys = "|".join(map(re.escape, (setting.key, *setting.old_names)))
    for pattern in (rf"^[ \t]*(?:{keys})[ \t]*=.*$", rf"^#[ \t]*(?:{keys})[ \t]*=[ \t]*$"):
        if re.search(pattern, top, re.MULTILINE):
            return re.sub(pattern, lambda _: line, top, count=1, flags=re.MULTILINE) + rest
    if not given:
        return text
    return top + ("" if not top or top.endswith("\n") else "\n") + line + "\n" + rest


def entry(setting: Setting, value: Any) -> str:
    """Return the help of a setting as a comment, and its line; the line is a comment too if there is no value."""
    line = f"# {setting.key} =" if value is None else f"{setting.key} = {toml.literal(to_file(setting, value))}"
    return f"# {' '.join(help_text(setting).split())}\n{line}\n"


def is_path(name: str, value: Any) -> bool:
    """Return whether the value is a file or folder, judging by its form alone."""
    return SETTINGS[name].kind == "path" or name == "page_tls" or (name in PLACES and names_file(str(value)))


def names_file(spec: str) -> bool:
    """Return whether a camera or source looks like a path: not a number, URL or prefix such as test:."""
    return not _KIND.fullmatch(spec)


def holds_password(*places: str | None) -> bool:
    """Return whether a camera or source may be a URL with a password or a token."""
    return any(place is not None and masked(place) != place for place in places)


def holds_secret(options: Mapping[str, Any]) -> bool:
    """Return whether a file with these options must be readable by its owner only."""
    if holds_password(options.get("camera"), options.get("source")):
        return True
    if not options.get("outputs"):
        return False
    from ..outputs.registry import find

    kinds = [(find(one.kind), one) for one in options["outputs"]]
    return any(kind.needs(one).secret or kind.shown(one) != one.spec for kind, one in kinds)


def _from_file(name: str, value: Any, folder: Path) -> Any:
    """Resolve a relative path against the folder of the file."""
    if name == "outputs":
        from ..outputs.parse import placed

        return tuple(placed(one, folder) for one in value)
    if name == "page_tls" and value == "auto":
        return value
    if name == "page_tls":
        from ..outputs.credentials import handed_over

        return str(handed_over(Path(value)))
    if _is_path(name, value) and not Path(value).is_absolute():
        return type(value)(folder / value) if isinstance(value, Path) else str(folder / value)
    return value


def _to_file(setting: Setting, value: Any, folder: Path) -> Any:
    """Make a path relative to the folder of the file; it was relative to the working directory."""
    if setting.name == "outputs":
        from ..outputs.parse import placed

        return tuple(placed(one, folder, relative=True) for one in value)
    if not _is_path(setting.name, value) or (setting.name == "page_tls" and value == "auto"):
        return value
    return str(value) if Path(value).is_absolute() else os.path.relpath(value, folder)


def _is_path(name: str, value: Any) -> bool:
    """Also accept an existing file whose name looks like a camera."""
    return is_path(name, value) or (name in PLACES and Path(str(value)).exists())


def _unknown(key: str) -> str:
    known = [one.key for one in KEPT.values()]
    hint = nearest(key.lower().replace("-", "_"), known) or f"; available options: {', '.join(known)}"
    return f"unknown option {key!r}{hint}"
