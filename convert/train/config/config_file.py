"""config.toml: all settings of a training, written to the run folder and read by --config."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from edgevision.errors import BadInput, nearest
from edgevision.files import toml

from .settings import AUTO, OPTIONS, SECTIONS, Settings, checked, describe

PHOTOS = "photos"
"""The only key that is not a setting: the path of the training images."""
HEADER = "# All settings of a training. To repeat it: edgevision train PHOTOS --config config.toml\n"


def dumps(settings: Settings, photos: str | None = None) -> str:
    """Return the text of config.toml."""
    lines = [HEADER]
    for section in SECTIONS:
        lines.append(f"[{section}]")
        if section == "data" and photos is not None:
            lines.append(f"{PHOTOS} = {toml.literal(photos)}")
        for name, option in OPTIONS.items():
            if option.section == section:
                lines += [f"# {option.help} ({describe(option)})", f"{name} = {_literal(getattr(settings, name))}"]
        lines.append("")
    return "\n".join(lines)


def read(path: Path) -> tuple[dict[str, Any], str | None]:
    """Return the validated settings of a file and its photos. Raises MissingFile, or BadInput with file and line."""
    file = toml.read(path, "the config.toml of a run folder")
    found: dict[str, Any] = {}
    for section, table in file.values.items():
        if section not in SECTIONS:
            hint = nearest(section, list(SECTIONS))
            raise BadInput(f"{file.where(section)}: no section [{section}]{hint}; available: {', '.join(SECTIONS)}")
        if not isinstance(table, dict):
            raise BadInput(f"{file.where(section)}: {section} must be a section, written [{section}]")
        for name, value in table.items():
            found[name] = _setting(file.where(section, name), section, name, value)
    return found, found.pop(PHOTOS, None)


def _setting(where: str, section: str, name: str, value: Any) -> Any:
    if section == "data" and name == PHOTOS:
        if not isinstance(value, str):
            raise BadInput(f"{where}: {PHOTOS} must be a path, got {value!r}")
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
    return toml.literal(value)
