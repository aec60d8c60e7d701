"""The report on a terminal: a mark, the name and the result of each check, and the fix below a failed one."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from edgevision.reporting.terminal import printable

from .result import Check, Section

if TYPE_CHECKING:
    from rich.text import Text

MARKS = {
    "good": ("✓", "ok", "green"),
    "bad": ("✗", "BAD", "bold red"),
    "warn": ("!", "!", "yellow"),
    "none": ("·", "-", "dim"),
}
"""Kind of result -> symbol, ASCII symbol, style."""
NAME_WIDTH = 18


def text(sections: tuple[Section, ...], model: Path | None, stream: TextIO) -> str:
    """Return all checks and the overall result, with the signs, colors and width that ``stream`` can show."""
    from rich.console import Console
    from rich.padding import Padding
    from rich.table import Table
    from rich.text import Text

    width = None if stream.isatty() else 160
    console = Console(file=stream, highlight=False, markup=False, emoji=False, width=width)
    encoding = stream.encoding or "ascii"
    with console.capture() as painted:
        for section in sections:
            console.print(Text(section.title, style="bold"))
            rows = Table.grid(padding=(0, 2))
            rows.add_column(no_wrap=True)
            rows.add_column(min_width=NAME_WIDTH, no_wrap=True)
            rows.add_column(overflow="fold")
            for check in section.checks:
                for row in _rows(check, encoding):
                    rows.add_row(*row)
            console.print(Padding(rows, (0, 0, 1, 2)))
    # rich pads the lines of a table with spaces.
    lines = [*(line.rstrip() for line in painted.get().splitlines()), _outcome(sections, model)]
    return "\n".join(lines).encode(encoding, "replace").decode(encoding)


def _rows(check: Check, encoding: str) -> list[tuple[Text, ...]]:
    from rich.text import Text

    kind = _kind(check)
    sign, ascii_sign, style = MARKS[kind]
    mark = Text(sign if _can_show(sign, encoding) else ascii_sign, style=style)
    quiet = "dim" if kind == "none" else ""
    found = check.found if check.ok or check.expected is None else f"{check.found} (expected: {check.expected})"
    rows: list[tuple[Text, ...]] = [(mark, Text(check.name, style=quiet), Text(printable(found), style=quiet))]
    if check.fix is not None:
        arrow = "→" if _can_show("→", encoding) else "->"
        rows.append((Text(""), Text(""), Text(f"{arrow} {printable(check.fix)}", style=quiet or "cyan")))
    return rows


def _kind(check: Check) -> str:
    if check.ok is None:
        return "none"
    return "good" if check.ok else "bad" if check.needed else "warn"


def _outcome(sections: tuple[Section, ...], model: Path | None) -> str:
    """Return the result line and, if all is well, the next command."""
    checks = [check for section in sections for check in section.checks]
    broken = sum(check.broken for check in checks)
    warned = sum(check.ok is False for check in checks) - broken
    if broken:
        failed = f"{broken} of {len(checks)} checks failed"
        return f"{failed}{_warnings(warned)}: apply the fixes shown after the arrows, then run this again"
    what = "" if model is None else f" {printable(shlex.quote(str(model)))}"
    camera = any(check.name == "cameras" and check.ok for check in checks)
    return f"Ready to run{_warnings(warned)}.\nNext: edgevision run{what} --{'camera 0' if camera else 'source test:'}"


def _warnings(count: int) -> str:
    return f", {count} warning{'s' if count > 1 else ''}" if count else ""


def _can_show(sign: str, encoding: str) -> bool:
    try:
        sign.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True
