"""Parts of terminal output: tables, sizes, and text without control characters. Printing is up to the command line."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.table import Table


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
    """Replace control characters by question marks."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def size(count: int) -> str:
    """Format a number of bytes as kB or MB."""
    return f"{count / 1e6:.2f} MB" if count >= 1e5 else f"{count / 1e3:.1f} kB"
