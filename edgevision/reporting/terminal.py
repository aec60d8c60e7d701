"""Parts of terminal output: tables, sizes, and text without control characters. Printing is up to the command line."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from ..errors import escaped

if TYPE_CHECKING:
    from rich.table import Table

_UNSAFE = re.compile("[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
MAX_LINE = 10_000
"""Longest text of a line or cell (characters). Breaking a cell of 5 MB into lines takes half a minute."""


def table(headers: Sequence[str], rows: Iterable[Sequence[str]], title: str = "") -> Table:
    """Create a table. Headers that start with ``>`` are right-aligned; the header row is omitted if empty."""
    from rich import box
    from rich.table import Table

    named = any(headers)
    made = Table(title=title or None, title_justify="left", title_style="bold", pad_edge=False, show_header=named)
    made.box = box.SIMPLE_HEAD if named else None
    for header in headers:
        right = header.startswith(">")
        made.add_column(header.removeprefix(">"), justify="right" if right else "left", overflow="fold")
    for row in rows:
        made.add_row(*(printable(cell) for cell in row))
    return made


def printable(text: str) -> str:
    r"""Show control characters, line breaks and the like as ``\x1b``, and cut longer texts to MAX_LINE.

    Every text that may come from a file, a camera or the network passes here before it reaches a terminal.
    """
    if len(text) > MAX_LINE:
        text = f"{text[:MAX_LINE]}... ({len(text)} characters)"
    return text if text.isprintable() else escaped(text)


def short(text: str, longest: int) -> str:
    """Return ``printable`` text of at most ``longest`` characters, and how many there were."""
    return printable(text if len(text) <= longest else f"{text[:longest]}... ({len(text)} characters)")


def valid_json(text: str) -> str:
    r"""Return JSON that every program can read and no terminal obeys.

    Bytes of a file name that are not UTF-8 become the text ``\xff``. Control characters, and those that turn the direction
    of writing, which JSON allows, become escapes of JSON.
    """
    if text.isascii() and "\x7f" not in text:
        return text
    return _UNSAFE.sub(_json_escape, text)


def _json_escape(found: re.Match[str]) -> str:
    code = ord(found[0])
    if 0xDC80 <= code <= 0xDCFF:  # a byte, as os.fsdecode() shows it
        return f"\\\\x{code - 0xDC00:02x}"
    return "\ufffd" if 0xD800 <= code <= 0xDFFF else f"\\u{code:04x}"


def size(count: int) -> str:
    """Format a number of bytes as kB or MB."""
    return f"{count / 1e6:.2f} MB" if count >= 1e5 else f"{count / 1e3:.1f} kB"
