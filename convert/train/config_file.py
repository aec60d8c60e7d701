"""config.toml: every setting of a training, written to the run folder and taken back by --config."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from edgevision import toml_file
from edgevision.errors import BadInput, nearest

from .settings import AUTO, OPTIONS, SECTIONS, Settings, checked, describe

PHOTOS = "photos"
"""The one key that is no setting: which pictures were used."""
HEADER = "# Every setting of a training. Use it again: edgevision train PHOTOS --config config.toml\n"


def dumps(settings: Settings, photos: str | None = None) -> str:
    """The text of config.toml."""
    lines = [HEADER]
    for section in SECTIONS:
        lines.append(f"[{section}]")
        if section == "data" and photos is not None:
            lines.append(f"{PHOTOS} = {json.dumps(photos, ensure_ascii=False)}")
        for name, option in OPTIONS.items():
            if option.section == section:
                lines += [f"# {option.help} ({describe(option)})", f"{name} = {_literal(getattr(settings, name))}"]
        lines.append("")
    return "\n".join(lines)


def read(path: Path) -> tuple[dict[str, Any], str | None]:
    """The settings that a file names, checked, and its photos. Raises MissingFile, BadInput with file and line."""
    text, tables = toml_file.read(path, "the config.toml of a run folder")
    found: dict[str, Any] = {}
    for section, table in tables.items():
        if section not in SECTIONS:
            hint = nearest(section, list(SECTIONS))
            raise BadInput(
                f"{path}:{_line(text, None, section)}: no section [{section}]{hint}; there are {', '.join(SECTIONS)}"
            )
        if not isinstance(table, dict):
            raise BadInput(f"{path}:{_line(text, None, section)}: {section} must be a section: [{section}]")
        for name, value in table.items():
            found[name] = _setting(path, text, section, name, value)
    return found, found.pop(PHOTOS, None)


def _setting(path: Path, text: str, section: str, name: str, value: Any) -> Any:
    where = f"{path}:{_line(text, section, name)}"
    if section == "data" and name == PHOTOS:
        if not isinstance(value, str):
            raise BadInput(f"{where}: {PHOTOS} must be a path, not {value!r}")
        return value
    known = [n for n, option in OPTIONS.items() if option.section == section]
    if name not in known:
        elsewhere = OPTIONS[name].section if name in OPTIONS else None
        hint = f"; it belongs in [{elsewhere}]" if elsewhere else nearest(name, known)
        raise BadInput(f"{where}: no setting {name!r} in [{section}]{hint}")
    try:
        return checked(name, value)
    except BadInput as error:
        raise BadInput(f"{where}: {error}") from None


def _literal(value: Any) -> str:
    if value is None:
        return f'"{AUTO}"'
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return "[" + ", ".join(str(v) for v in value) + "]"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)  # TOML's basic strings take all that JSON writes
    return repr(value)


def _line(text: str, section: str | None, name: str) -> int:
    """Where a key (or, without a section, a section) stands, counted from 1; tomllib does not tell."""
    key = rf"[\"']?{re.escape(name)}[\"']?"
    here: str | None = None
    for number, line in enumerate(text.splitlines(), 1):
        head = re.match(r"\s*\[+\s*[\"']?([^\]\"']+?)[\"']?\s*\]", line)
        if head:
            here = head.group(1)
            if section is None and here.partition(".")[0] == name:
                return number
        if here == section and re.match(rf"\s*{key}\s*(=|\.)", line):
            return number
    return 1
