"""One section of device.toml: its values by kind, and messages with file and line."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn, TypeVar

from edgevision.errors import BadInput, nearest
from edgevision.files.toml import TomlFile
from edgevision.reporting.terminal import printable

T = TypeVar("T")
Known = Mapping[str, tuple[str, ...]]
_KINDS: dict[type, str] = {str: "a text", int: "a number", float: "a number", bool: "true or false", list: "a list"}


@dataclass(frozen=True, slots=True)
class Section:
    """What stands below [name]; nothing where there is no such section. No value is repeated in a message but by the
    checks, which know what is no secret."""

    file: TomlFile
    name: str

    @property
    def values(self) -> dict[str, Any]:
        found: dict[str, Any] = self.file.values.get(self.name, {})
        return found

    def has(self, key: str) -> bool:
        return key in self.values

    def text(self, key: str, check: Callable[[str], T]) -> T | None:
        """What ``check`` makes of a text; None: it is not there. Raises BadInput."""
        if not self.has(key):
            return None
        value = self.values[key]
        if not isinstance(value, str):
            self._wrong_kind(key, "a text")
        return self.checked(check, value, key)

    def flag(self, key: str) -> bool:
        """False where it is not there. Raises BadInput."""
        value = self.values.get(key, False)
        if not isinstance(value, bool):
            self._wrong_kind(key, "true or false")
        return bool(value)

    def texts(self, key: str, check: Callable[[str], T]) -> list[T]:
        """What ``check`` makes of each text of a list. Raises BadInput."""
        values = self.values.get(key, [])
        if not isinstance(values, list):
            self._wrong_kind(key, "a list of texts")
        for place, value in enumerate(values):
            if not isinstance(value, str):
                self._wrong_kind(key, "a list of texts", place)
        return [self.checked(check, value, key, place) for place, value in enumerate(values)]

    def one_of(self, key: str, choices: Sequence[str]) -> str | None:
        """None: it is not there. Raises BadInput."""

        def check(value: str) -> str:
            if value not in choices:
                raise BadInput(f"{key} is one of {', '.join(choices)}, not {value!r}{nearest(value, list(choices))}")
            return value

        return self.text(key, check)

    def need(self, key: str, value: T | None, example: str) -> T:
        """Raises BadInput where there is no value."""
        if value is None:
            self.fault(f"[{self.name}] needs {key}; write, for one, {key} = {example}")
        return value

    def checked(self, check: Callable[[str], T], value: str, *place: str | int) -> T:
        """``check`` with file and line before its message."""
        try:
            return check(value)
        except BadInput as error:
            self.fault(str(error), *place)

    def fault(self, message: str, *place: str | int) -> NoReturn:
        """Raises BadInput with the line of a key, or of the section."""
        raise BadInput(f"{self.file.where(self.name, *place)}: {printable(message)}")

    def _wrong_kind(self, key: str, wanted: str, *place: int) -> NoReturn:
        value: Any = self.values[key]
        for index in place:
            value = value[index]
        self.fault(f"{key} must be {wanted}, not {_KINDS.get(type(value), 'a table or a date')}", key, *place)


def check_keys(file: TomlFile, known: Known, refused: Mapping[tuple[str, str], str]) -> None:
    """Refuses sections and keys that nobody reads. ``known``: section -> its keys; ``refused``: section and key -> why
    it is none. Raises BadInput."""
    for name, values in file.values.items():
        if not isinstance(values, dict):
            raise BadInput(f"{file.where(name)}: {name!r} cannot stand here{_home(name, known)}")
        if name not in known:
            hint = nearest(name, list(known)) or f"; there are {_listed(known)}"
            raise BadInput(f"{file.where(name)}: no section {name!r}{hint}")
        for key in values:
            if (name, key) in refused:
                raise BadInput(f"{file.where(name, key)}: {refused[name, key]}")
            if key not in known[name]:
                raise BadInput(f"{file.where(name, key)}: no key {key!r} in [{name}]{_hint(key, name, known)}")


def _home(name: str, known: Known) -> str:
    """Of something that stands outside of all sections."""
    if name in known:
        return f"; write it as a section: [{name}]"
    homes = [section for section, keys in known.items() if name in keys]
    return f"; it belongs in [{homes[0]}]" if homes else f"; there are the sections {_listed(known)}"


def _listed(known: Known) -> str:
    return ", ".join(f"[{name}]" for name in known)


def _hint(key: str, section: str, known: Known) -> str:
    """Where a key belongs, or which one may be meant."""
    home = next((name for name, keys in known.items() if key in keys), None)
    if home is not None:
        return f"; it belongs in [{home}]"
    spelt = key.lower().replace("-", "_")
    return nearest(spelt, list(known[section])) or f"; there are {', '.join(known[section])}"
