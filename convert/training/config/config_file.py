"""config.toml: all settings of a training, written to the run folder and read by --config."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from edgevision.errors import BadInput, nearest
from edgevision.files import toml
from edgevision.settings import Setting, checked_table, describe, to_file

from .settings import SECTIONS, SETTINGS, TrainSettings

PHOTOS = "photos"
"""The only key that is not a setting: the path of the training images, in the section [data]."""
HEADER = "# All settings of a training. To repeat it: edgevision train PHOTOS --config config.toml\n"


def dumps(settings: TrainSettings, photos: str | None = None) -> str:
    """Return the text of config.toml."""
    lines = [HEADER]
    for section in SECTIONS:
        lines.append(f"[{section}]")
        if section == "data" and photos is not None:
            lines.append(f"{PHOTOS} = {toml.literal(photos)}")
        for name, one in _settings_in(section).items():
            value = to_file(one, getattr(settings, name))
            lines += [f"# {one.help} ({describe(one)})", f"{one.key} = {toml.literal(value)}"]
        lines.append("")
    return "\n".join(lines)


def read(path: Path) -> tuple[dict[str, Any], str | None]:
    """Return the validated settings of a file and its photos. Raises MissingFile, or BadInput with file and line."""
    file = toml.read(path, "the config.toml of a run folder")
    found: dict[str, Any] = {}
    photos: str | None = None
    for section, table in file.values.items():
        if section not in SECTIONS:
            hint = nearest(section, list(SECTIONS))
            raise BadInput(f"{file.where(section)}: no section [{section}]{hint}; available: {', '.join(SECTIONS)}")
        if not isinstance(table, dict):
            raise BadInput(f"{file.where(section)}: {section} must be a section, written [{section}]")
        if section == "data" and PHOTOS in table:
            photos = table.pop(PHOTOS)
            if not isinstance(photos, str):
                raise BadInput(f"{file.where(section, PHOTOS)}: {PHOTOS}: expected a path, got {photos!r}")
        where = partial(file.where, section)
        found |= checked_table(table, _settings_in(section), where, partial(_unknown, section))
    return found, photos


def _settings_in(section: str) -> dict[str, Setting]:
    return {name: one for name, one in SETTINGS.items() if one.group == SECTIONS[section]}


def _unknown(section: str, key: str) -> str:
    home = next((name for name in SECTIONS if any(one.key == key for one in _settings_in(name).values())), None)
    known = [one.key for one in _settings_in(section).values()]
    return f"no setting {key!r} in [{section}]" + (f"; it belongs in [{home}]" if home else nearest(key, known))
