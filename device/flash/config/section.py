"""A section of device.toml: typed values, and errors with file and line."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn, TypeVar

from edgevision.errors import BadInput, nearest
from edgevision.files.toml import TomlFile
from edgevision.reporting.terminal import printable

T = TypeVar("T")
Known = Mapping[str, tuple[str, ...]]
LISTS = ("outputs",)
"""Lists of tables, written as [[NAME]]; they check their own keys."""
_KINDS: dict[type, str] = {str: "a string", int: "a number", float: "a number", bool: "true or false", list: "a list"}


@dataclass(frozen=True, slots=True)
class Section:
    """The values below [name]; empty if there is no such section.

    Only the checks repeat a value in a message, since they know which values are not secret.
    """

    file: TomlFile
    name: str

    @property
    def values(self) -> dict[str, Any]:
        found: dict[str, Any] = self.file.values.get(self.name, {})
        return found

    def has(self, key: str) -> bool:
        return key in self.values

    def text(self, key: str, check: Callable[[str], T]) -> T | None:
        """Return the checked value of a string; None if the key is missing. Raises BadInput."""
        if not self.has(key):
            return None
        value = self.values[key]
        if not isinstance(value, str):
            self._wrong_kind(key, "a string")
        return self.checked(check, value, key)

    def flag(self, key: str) -> bool:
        """Return a boolean; False if the key is missing. Raises BadInput."""
        value = self.values.get(key, False)
        if not isinstance(value, bool):
            self._wrong_kind(key, "true or false")
        return bool(value)

    def texts(self, key: str, check: Callable[[str], T]) -> list[T]:
        """Return the checked values of a list of strings; empty if the key is missing. Raises BadInput."""
        values = self.values.get(key, [])
        if not isinstance(values, list):
            self._wrong_kind(key, "a list of strings")
        for place, value in enumerate(values):
            if not isinstance(value, str):
                self._wrong_kind(key, "a list of strings", place)
        return [self.checked(check, value, key, place) for place, value in enumerate(values)]

    def one_of(self, key: str, choices: Sequence[str]) -> str | None:
        """Return one of ``choices``; None if the key is missing. Raises BadInput."""

        def check(value: str) -> str:
            if value not in choices:
                raise BadInput(
                    f"{key} must be one of {', '.join(choices)}, not {value!r}{nearest(value, list(choices))}"
                )
            return value

        return self.text(key, check)

    def need(self, key: str, value: T | None, example: str) -> T:
        """Return the value. Raises BadInput if it is None."""
        if value is None:
            self.fault(f"[{self.name}] needs {key}; add, for example, {key} = {example}")
        return value

    def checked(self, check: Callable[[str], T], value: str, *place: str | int) -> T:
        """Run ``check`` and prefix its error with file and line."""
        try:
            return check(value)
        except BadInput as error:
            self.fault(str(error), *place)

    def fault(self, message: str, *place: str | int) -> NoReturn:
        """Raise BadInput with the line of a key or of the section."""
        raise BadInput(f"{self.file.where(self.name, *place)}: {printable(message)}")

    def _wrong_kind(self, key: str, wanted: str, *place: int) -> NoReturn:
        value: Any = self.values[key]
        for index in place:
            value = value[index]
        self.fault(f"{key} must be {wanted}, not {_KINDS.get(type(value), 'a table or a date')}", key, *place)


def check_keys(file: TomlFile, known: Known, refused: Mapping[tuple[str, str], str], former: Known) -> None:
    """Reject unknown sections and keys.

    Args:
        file: The parsed file.
        known: Section -> its keys.
        refused: Section and key -> why it is not allowed.
        former: Section -> former names of its keys, which are still accepted.

    Raises:
        BadInput: With file and line.
    """
    for name, values in file.values.items():
        if name in LISTS:
            continue
        if not isinstance(values, dict):
            raise BadInput(f"{file.where(name)}: {name!r} is not allowed outside a section{_home(name, known)}")
        if name not in known:
            hint = nearest(name, list(known)) or f"; known sections: {_listed(known)}"
            raise BadInput(f"{file.where(name)}: unknown section {name!r}{hint}")
        for key in values:
            if (name, key) in refused:
                raise BadInput(f"{file.where(name, key)}: {refused[name, key]}")
            if key not in known[name] and key not in former.get(name, ()):
                raise BadInput(f"{file.where(name, key)}: unknown key {key!r} in [{name}]{_hint(key, name, known)}")


def _home(name: str, known: Known) -> str:
    """Return a hint on where something outside all sections belongs."""
    if name in known:
        return f"; write it as a section: [{name}]"
    homes = [section for section, keys in known.items() if name in keys]
    return f"; it belongs in [{homes[0]}]" if homes else f"; known sections: {_listed(known)}"


def _listed(known: Known) -> str:
    return ", ".join([*(f"[{name}]" for name in known), *(f"[[{name}]]" for name in LISTS)])


def _hint(key: str, section: str, known: Known) -> str:
    """Return a hint on the section or the spelling of a key."""
    if key in LISTS:
        return f"; write each one as a table of its own: [[{key}]]"
    home = next((name for name, keys in known.items() if key in keys), None)
    if home is not None:
        return f"; it belongs in [{home}]"
    spelt = key.lower().replace("-", "_")
    return nearest(spelt, list(known[section])) or f"; known keys: {', '.join(known[section])}"
