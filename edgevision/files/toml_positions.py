"""Line numbers of the keys of a TOML text, which tomllib does not keep. TOML 1.0.0, https://toml.io/en/v1.0.0"""

from __future__ import annotations

import re

Key = tuple[str | int, ...]
"""Path of a key: names of tables and keys, and array indices from 0, such as ``("user", "ssh_keys", 1)``."""
_GAP = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_BARE = re.compile(r"[A-Za-z0-9_-]+")
_TEXT = re.compile(
    r"\"\"\"(?:[^\\]|\\.)*?\"\"\"\"{0,2}"  # up to two quotes may precede the closing three
    r"|'''.*?''''{0,2}"
    r"|\"(?:[^\"\\]|\\.)*\""
    r"|'[^']*'",
    re.DOTALL,
)
_PLAIN = re.compile(r"[^,\]}\n#]*")
"""Matches a number, a date, true or false."""


def locate(text: str) -> dict[Key, int]:
    """Return the line, from 1, of each key, table and array element of a valid TOML text."""
    scanner = _Scanner(text)
    scanner.document()
    return scanner.lines


class _Scanner:
    """Scanner of a TOML text that tomllib has already accepted, so it does not validate."""

    def __init__(self, text: str) -> None:
        self.text, self.at = text, 0
        self.lines: dict[Key, int] = {}
        self._arrays: dict[Key, int] = {}
        """Number of tables so far in each array of tables."""
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
        """Return the table that a header refers to: the last one of an array of tables."""
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
        """Read a key, which may consist of several names separated by dots."""
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
        """Skip whitespace, line ends and comments; return whether anything follows."""
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
