"""Where each key of a TOML text stands; tomllib keeps no places. TOML 1.0.0, https://toml.io/en/v1.0.0"""

from __future__ import annotations

import re

Key = tuple[str | int, ...]
"""Names of tables and keys, and places in arrays from 0: ``("user", "ssh_keys", 1)``."""
_GAP = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_BARE = re.compile(r"[A-Za-z0-9_-]+")
_TEXT = re.compile(
    r"\"\"\"(?:[^\\]|\\.)*?\"\"\"\"{0,2}"  # up to two quotes may stand before the three that end it
    r"|'''.*?''''{0,2}"
    r"|\"(?:[^\"\\]|\\.)*\""
    r"|'[^']*'",
    re.DOTALL,
)
_PLAIN = re.compile(r"[^,\]}\n#]*")
"""A number, a date, true or false."""


def locate(text: str) -> dict[Key, int]:
    """Key -> its line, counted from 1, of a text that tomllib reads; tables and array elements, too."""
    scanner = _Scanner(text)
    scanner.document()
    return scanner.lines


class _Scanner:
    """Walks over a text whose form was checked: what it does not know it skips."""

    def __init__(self, text: str) -> None:
        self.text, self.at = text, 0
        self.lines: dict[Key, int] = {}
        self._arrays: dict[Key, int] = {}
        """Arrays of tables -> how many tables there are so far."""
        self._line, self._counted = 1, 0

    def document(self) -> None:
        table: Key = ()
        while self._gap():
            if self.text.startswith("[[", self.at):
                table = self._header(2)
            elif self.text.startswith("[", self.at):
                table = self._header(1)
            else:
                self._pair(table)

    def _header(self, brackets: int) -> Key:
        self.at += brackets
        names = self._names()
        if brackets == 2:
            array = self._table(names[:-1]) + names[-1:]
            self._arrays[array] = self._arrays.get(array, 0) + 1
        table = self._table(names)
        for length in range(1, len(table) + 1):
            self._note(table[:length])
        self.at += brackets
        return table

    def _table(self, names: Key) -> Key:
        """What a header means: of an array of tables the last one."""
        found: Key = ()
        for name in names:
            found += (name,)
            if found in self._arrays:
                found += (self._arrays[found] - 1,)
        return found

    def _pair(self, table: Key) -> None:
        names = self._names()
        for length in range(1, len(names) + 1):
            self._note(table + names[:length])
        self._gap()
        self.at += 1  # =
        self._gap()
        self._value(table + names)

    def _value(self, key: Key) -> None:
        first = self.text[self.at : self.at + 1]
        if first == "[":
            self._array(key)
        elif first == "{":
            self._inline_table(key)
        else:
            found = _TEXT.match(self.text, self.at) or _PLAIN.match(self.text, self.at)
            assert found is not None
            self.at = found.end()

    def _array(self, key: Key) -> None:
        self.at += 1
        index = 0
        while self._gap() and self.text[self.at] != "]":
            self._note((*key, index))
            self._value((*key, index))
            index += 1
            self._comma()
        self.at += 1

    def _inline_table(self, key: Key) -> None:
        self.at += 1
        while self._gap() and self.text[self.at] != "}":
            self._pair(key)
            self._comma()
        self.at += 1

    def _comma(self) -> None:
        self._gap()
        self.at += self.text.startswith(",", self.at)

    def _names(self) -> Key:
        """A key, of one name or several with dots between."""
        found: list[str] = []
        while True:
            self._gap()
            bare = _BARE.match(self.text, self.at)
            match = bare or _TEXT.match(self.text, self.at)
            assert match is not None
            found.append(match[0] if bare else _unquoted(match[0]))
            self.at = match.end()
            self._gap()
            if not self.text.startswith(".", self.at):
                return tuple(found)
            self.at += 1

    def _gap(self) -> bool:
        """Skips blanks, line ends and comments; whether anything follows."""
        match = _GAP.match(self.text, self.at)
        assert match is not None
        self.at = match.end()
        return self.at < len(self.text)

    def _note(self, key: Key) -> None:
        self._line += self.text.count("\n", self._counted, self.at)
        self._counted = self.at
        self.lines.setdefault(key, self._line)


def _unquoted(text: str) -> str:
    import tomllib

    (name,) = tomllib.loads(f"{text} = 0")
    return name
