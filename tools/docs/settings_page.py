"""The reference page of settings: the table of edgevision.settings, and the settings of a training."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import fields, is_dataclass
from typing import Any

TRAINING = "edgevision.convert.train.config.settings"
"""Where the settings of a training are declared."""
NEEDED = {"name", "type", "default", "help", "group"}


def render(settings: object | None, training: object | None) -> dict[str, str]:
    """Return path -> Markdown of the settings page; empty where there are no settings. Raises LookupError."""
    lines: list[str] = []
    if settings is not None:
        lines += ["## The loop", "", *_tables(_rows(settings))]
    if training is not None:
        lines += ["## Training", "", "The sections of `config.toml`, and options of `edgevision train`.", ""]
        lines += _training(training)
    return {"settings.md": "\n".join(["# Settings", "", *lines]) + "\n"} if lines else {}


def _rows(module: Any) -> list[Any]:
    """Return the records of the one table that a settings module declares. Raises LookupError where there is none."""
    found: list[Any] = []
    for value in vars(module).values():
        records = value.values() if isinstance(value, dict) else value
        if isinstance(records, Iterable) and not isinstance(records, str | bytes):
            found += [one for one in records if _is_setting(one) and one not in found]
    if not found:
        raise LookupError(
            f"{module.__name__} declares no table of settings with the fields {', '.join(sorted(NEEDED))}"
        )
    return found


def _is_setting(value: object) -> bool:
    return is_dataclass(value) and not isinstance(value, type) and {f.name for f in fields(value)} >= NEEDED


def _tables(rows: list[Any]) -> Iterator[str]:
    for group in dict.fromkeys(row.group for row in rows):
        yield from (f"### {group}", "", "| setting | type | default | meaning |", "|---|---|---|---|")
        for row in (row for row in rows if row.group == group):
            kind = getattr(row.type, "__name__", str(row.type))
            yield f"| `{row.name}` | {_cell(kind)} | {_default(row.default)} | {_cell(row.help)} |"
        yield ""


def _training(module: Any) -> Iterator[str]:
    for section in module.SECTIONS:
        yield from (f"### [{section}]", "", "| setting | values | default | meaning |", "|---|---|---|---|")
        for name, option in module.OPTIONS.items():
            if option.section == section:
                values, default = _cell(module.describe(option)), _default(module.default(name))
                yield f"| `{name}` | {values} | {default} | {_cell(option.help)} |"
        yield ""


def _default(value: object) -> str:
    if value is None:
        return "auto"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return f"`{','.join(map(str, value)) if isinstance(value, tuple | list) else value}`".replace("|", "\\|")


def _cell(text: str) -> str:
    return " ".join(str(text).split()).replace("|", "\\|").replace("<", "&lt;").replace("*", "\\*").replace("_", "\\_")
