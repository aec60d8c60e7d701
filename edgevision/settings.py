"""Declaration of settings: one field of a record is the name, default, allowed values and help of one setting.

The command line, configuration files, the service, bundles and SD cards all read these declarations.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import field, fields, replace
from functools import cache
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeVar

from .errors import BadInput, EdgeVisionError, RenamedSetting, nearest
from .types import DEFAULT_MAX_PIXELS, HIGHEST_MAX_PIXELS

T = TypeVar("T")
Kind = Literal["flag", "int", "float", "ints", "numbers", "choice", "text", "path", "texts", "tables"]
AUTO = "auto"
"""Value in options and files for "choose by the data"; stored as None."""
_TYPES: dict[str, tuple[type, ...]] = {
    "flag": (bool,),
    "int": (int,),
    "float": (int, float),
    "ints": (list,),
    "numbers": (list,),
    "choice": (str,),
    "text": (str,),
    "path": (str,),
    "texts": (list,),
    "tables": (list,),
}
_NAMES = {
    "flag": "true or false",
    "int": "a whole number",
    "float": "a number",
    "ints": "whole numbers",
    "numbers": "numbers",
    "text": "text",
    "path": "a path",
    "texts": "a list of texts",
    "tables": "a list of tables",
}
_NOT_SHOWN: dict[type, str] = {list: "a list", dict: "a table"}
"""Descriptions of values that are not shown: a URL inside may hold a password."""


class Setting(NamedTuple):
    """Declaration of one setting.

    A named tuple, because every command defines this class at its start: a dataclass of this size takes 1 ms more.
    """

    kind: Kind
    """Type of the value in options and files; ``ints``, ``numbers`` and ``texts`` are lists. ``tables`` are lists of tables
    in files and repeated options on the command line; ``parse`` and ``unparse`` convert each of them."""
    default: Any
    help: str
    group: str = ""
    """Heading in the help of the command, or section of the file."""
    name: str = ""
    """Name of the field; ``settings_of`` fills it in."""
    key: str = ""
    """Name in files, and with - for _ on the command line, if it is not that of the field."""
    option_key: str = ""
    """Name on the command line, if it is not the key."""
    low: float | None = None
    high: float | None = None
    above: float | None = None
    """Exclusive lower limit."""
    lengths: tuple[int, ...] = tuple(range(1, 9))
    """Allowed lengths of a list."""
    choices: tuple[str | int, ...] = ()
    auto: bool = False
    """Whether ``auto`` is allowed; it is stored as None."""
    parse: Callable[[str], Any] | None = None
    """Convert a text to the stored value. Raises ValueError, or EdgeVisionError with a complete message."""
    unparse: Callable[[Any], str] = str
    """Convert a stored value back to a text that ``parse`` accepts."""
    form: str = ""
    """Description of what ``parse`` accepts."""
    metavar: str = ""
    """Placeholder in the help; derived from the kind if empty."""
    default_text: str = ""
    """Description of the default in the help, if the value does not tell."""
    short: str = ""
    """One-letter option, such as ``-o``."""
    argument: bool = False
    """Whether the command line takes the value as an argument instead of an option."""
    old_names: tuple[str, ...] = ()
    """Former keys, still accepted."""

    @property
    def option(self) -> str:
        """Name of the option on the command line."""
        return "--" + (self.option_key or self.key).replace("_", "-")

    def field(self, **changes: Any) -> Any:
        """Return a dataclass field declared by this setting, or by a copy of it with ``changes``."""
        made = self._replace(**changes)
        return field(default=made.default, metadata={"setting": made})


def setting(default: T, kind: Kind, help: str, group: str = "", **more: Any) -> T:
    """Declare a field of a record as a setting. ``more``: further fields of ``Setting``."""
    declared: T = Setting(kind, default, help, group, **more).field()
    return declared


@cache
def settings_of(record: type) -> Mapping[str, Setting]:
    """Return the settings that a record declares, by field name, in their order."""
    declared = {f.name: f.metadata["setting"] for f in fields(record) if "setting" in f.metadata}
    return {name: one._replace(name=name, key=one.key or name) for name, one in declared.items()}


def checked(setting: Setting, value: Any) -> Any:
    """Validate a value as a TOML file gives it, and return it as stored in the record.

    Raises BadInput with a message that does not name the setting.
    """
    if setting.auto and value == AUTO:
        return None
    if not _fits(setting, value):
        raise BadInput(f"expected {describe(setting)}, got {_shown(setting, value)}{_hint(setting, value)}")
    if setting.kind == "tables":
        return tuple(setting.parse(one) if setting.parse else one for one in value)
    if setting.parse is not None:
        try:
            return setting.parse(value)
        except EdgeVisionError as error:
            raise BadInput(str(error)) from None
        except ValueError:
            raise BadInput(f"expected {describe(setting)}, got {value!r}") from None
    if setting.kind == "numbers":
        return tuple(map(float, value))
    stored = {"float": float, "ints": tuple, "texts": tuple, "path": Path}.get(setting.kind)
    return value if stored is None else stored(value)


def from_text(setting: Setting, text: str) -> Any:
    """Return the same for a text of the command line. Raises BadInput."""
    if setting.kind == "tables" and setting.parse is not None:  # the option is repeated: one text is one item
        return setting.parse(text)
    automatic = setting.auto and text == AUTO
    value: Any = [part for part in text.split(",") if part] if setting.kind == "texts" and not automatic else text
    number = {"int": int, "float": float, "ints": int, "numbers": float}.get(setting.kind)
    if number is not None and not automatic:
        try:
            value = [number(part) for part in text.split(",")] if list in _TYPES[setting.kind] else number(text)
        except ValueError:
            raise BadInput(f"expected {describe(setting)}, got {text!r}") from None
    return checked(setting, value)


def to_file(setting: Setting, value: Any) -> Any:
    """Return a stored value as a TOML file holds it: the inverse of ``checked``."""
    if value is None and setting.auto:
        return AUTO
    if setting.kind == "tables":
        return [setting.unparse(one) for one in value]
    if setting.parse is not None:
        return setting.unparse(value)
    return str(value) if isinstance(value, Path) else list(value) if isinstance(value, tuple) else value


def to_text(setting: Setting, value: Any) -> str:
    """Return a stored value as the command line takes it, or true or false."""
    written = to_file(setting, value)
    if isinstance(written, bool | float):
        return _plain(written)
    if isinstance(written, list):
        return ",".join(one if isinstance(one, str) else _plain(one) for one in written)
    return str(written)


def validated(record: T) -> T:
    """Return a record made by a program with checked values, paths as ``Path``. Raises BadInput with the setting's name."""
    return replace(record, **_checked_fields(record))  # type: ignore[type-var]


def require_valid(record: object) -> None:
    """Check the values of a record, for its ``__post_init__``. Raises BadInput with the setting's name."""
    _checked_fields(record)


def _checked_fields(record: object) -> dict[str, Any]:
    values: dict[str, Any] = {}
    kind: type = type(record)
    for name, one in settings_of(kind).items():
        value = getattr(record, name)
        if value is None and one.default is None:
            continue
        try:
            values[name] = checked(one, to_file(one, value))
        except BadInput as error:
            raise BadInput(f"{name}: {error}") from None
    return values


def describe(setting: Setting) -> str:
    """Describe the allowed values, such as ``a number from 0 to 1 or 'auto'``."""
    if setting.form:
        text = setting.form
    elif setting.choices:
        text = "one of " + ", ".join(map(str, setting.choices))
    elif setting.kind in ("ints", "numbers"):
        text = f"{_lengths(setting)} {_NAMES[setting.kind]}{limits(setting, ' from ')}"
    else:
        text = _NAMES[setting.kind] + limits(setting, " from ")
    return text + (f" or '{AUTO}'" if setting.auto else "")


def limits(setting: Setting, start: str = "") -> str:
    """Describe the limits of a number, such as ``0 to 1``; ``start`` precedes a lower limit. Empty if there is none."""
    if setting.above is not None:
        return f" above {setting.above:g}" + ("" if setting.high is None else f", up to {setting.high:.12g}")
    if setting.low is None:
        return ""
    if setting.high is None:
        return f"{', ' if start else ''}{setting.low:g} or more"
    return f"{start}{setting.low:.12g} to {setting.high:.12g}"


def help_text(setting: Setting) -> str:
    """Return the help of a setting with its default and limits, such as ``[default: 5; 1 to 1000]``."""
    facts = [f"default: {text}"] if (text := default_text(setting)) else []
    if setting.choices and setting.metavar:  # else the placeholder lists them
        facts.append("one of " + ", ".join(map(str, setting.choices)))
    elif text := limits(setting).strip():
        facts.append(text)
    return setting.help + (f"  [{'; '.join(facts)}]" if facts else "")


def default_text(setting: Setting) -> str:
    """Return the default as the help shows it; empty if there is none worth showing."""
    if setting.default_text or (setting.default is None and not setting.auto):
        return setting.default_text
    return "" if setting.kind in ("flag", "texts", "tables") else to_text(setting, setting.default)


def checked_table(
    table: Mapping[str, Any],
    settings: Mapping[str, Setting],
    where: Callable[[str], str],
    unknown: Callable[[str], str],
) -> dict[str, Any]:
    """Return field name -> stored value of a table of a TOML file; former names give a warning.

    Args:
        table: Key -> value of the file.
        settings: The settings that the table may have, by field name.
        where: Function of a key that returns ``FILE:LINE``.
        unknown: Function of an unknown key that returns the message.

    Raises:
        BadInput: A key is unknown or given twice, or a value is not allowed; with file and line.
    """
    found: dict[str, Any] = {}
    for key, value in table.items():
        known = by_key(settings, key, f"{where(key)}: ")
        if known is None:
            raise BadInput(f"{where(key)}: {unknown(key)}")
        if known.name in found:
            raise BadInput(f"{where(key)}: {known.key} is given twice, once by a former name; remove one")
        try:
            found[known.name] = checked(known, value)
        except BadInput as error:
            raise BadInput(f"{where(key)}: {key}: {error}") from None
    return found


def by_key(settings: Mapping[str, Setting], key: str, where: str = "") -> Setting | None:
    """Return the setting with a key, or with a former one, which gives a warning that starts with ``where``."""
    for one in settings.values():
        if key == one.key:
            return one
        if key in one.old_names:
            warn_renamed(f"{where}{key}", one.key)
            return one
    return None


def warn_renamed(old: str, new: str) -> None:
    """Warn that an old name was used."""
    import warnings

    warnings.warn(f"{old} is now {new}", RenamedSetting, stacklevel=3)


def _fits(setting: Setting, value: Any) -> bool:
    if not isinstance(value, _TYPES[setting.kind]) or (isinstance(value, bool) and setting.kind != "flag"):
        return False
    if setting.kind == "tables":
        return True
    if isinstance(value, list) and setting.kind == "texts":
        return all(isinstance(one, str) and one for one in value)
    if isinstance(value, list):
        types = (int,) if setting.kind == "ints" else (int, float)
        return len(value) in setting.lengths and all(type(one) in types and _in_range(setting, one) for one in value)
    if setting.choices and value not in setting.choices:
        return False
    return not isinstance(value, int | float) or setting.kind == "flag" or _in_range(setting, value)


def _in_range(setting: Setting, value: float) -> bool:
    largest = sys.float_info.max  # excludes infinity, NaN, and whole numbers that no float can hold
    low = -largest if setting.low is None else setting.low
    high = largest if setting.high is None else setting.high
    return low <= value <= high and (setting.above is None or value > setting.above)


def _lengths(setting: Setting) -> str:
    *others, last = map(str, setting.lengths)
    consecutive = setting.lengths == tuple(range(setting.lengths[0], setting.lengths[-1] + 1))
    return f"{others[0]} to {last}" if others and consecutive else " or ".join((*others, last))


def _plain(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else repr(value).removesuffix(".0")


def _shown(setting: Setting, value: Any) -> str:
    if isinstance(value, list) and list in _TYPES[setting.kind]:
        return repr(value)
    return _NOT_SHOWN.get(type(value)) or (_plain(value) if isinstance(value, str | float | int) else str(value))


def _hint(setting: Setting, value: Any) -> str:
    return nearest(value, [str(one) for one in setting.choices]) if isinstance(value, str) else ""


SEED = Setting("int", 0, "Random seed; the same seed gives the same result.", low=0, high=2**31 - 1, key="seed")
RUNS = Setting("path", Path("runs"), "Folder for the numbered run folders.", key="runs", metavar="FOLDER")
MAX_PIXELS = Setting(
    "int",
    DEFAULT_MAX_PIXELS,
    "Refuse image files with more pixels; it is read from their headers, before any memory is used.",
    low=1,
    high=HIGHEST_MAX_PIXELS,
    key="max_pixels",
    metavar="N",
)
OVERWRITE = Setting("flag", False, "Replace existing output.", key="overwrite")
QUIET = Setting("flag", False, "Show no progress and no notes.", key="quiet")
JSON = Setting("flag", False, "Print one JSON document on stdout, everything else on stderr.", key="json")
