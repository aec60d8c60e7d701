"""Parts of terminal output: tables, sizes, and text without control characters. Printing is up to the command line."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from ..errors import escaped

if TYPE_CHECKING:
    from rich.table import Table

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


def size(count: int) -> str:
    """Format a number of bytes as kB or MB."""
    return f"{count / 1e6:.2f} MB" if count >= 1e5 else f"{count / 1e3:.1f} kB"
