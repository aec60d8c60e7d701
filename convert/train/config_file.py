"""config.toml: every setting of a training, written to the run folder and taken back by --config."""

from __future__ import annotations

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
            lines.append(f"{PHOTOS} = {toml_file.literal(photos)}")
        for name, option in OPTIONS.items():
            if option.section == section:
                lines += [f"# {option.help} ({describe(option)})", f"{name} = {_literal(getattr(settings, name))}"]
        lines.append("")
    return "\n".join(lines)


def read(path: Path) -> tuple[dict[str, Any], str | None]:
    """The settings that a file names, checked, and its photos. Raises MissingFile, BadInput with file and line."""
    file = toml_file.read(path, "the config.toml of a run folder")
    found: dict[str, Any] = {}
    for section, table in file.values.items():
        if section not in SECTIONS:
            hint = nearest(section, list(SECTIONS))
            raise BadInput(f"{file.where(section)}: no section [{section}]{hint}; there are {', '.join(SECTIONS)}")
        if not isinstance(table, dict):
            raise BadInput(f"{file.where(section)}: {section} must be a section: [{section}]")
        for name, value in table.items():
            found[name] = _setting(file.where(section, name), section, name, value)
    return found, found.pop(PHOTOS, None)


def _setting(where: str, section: str, name: str, value: Any) -> Any:
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
    if isinstance(value, tuple):
        return "[" + ", ".join(str(v) for v in value) + "]"
    return toml_file.literal(value)
