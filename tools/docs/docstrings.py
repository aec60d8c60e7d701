"""Google-style docstrings as Markdown."""

from __future__ import annotations

import html
import re
from inspect import cleandoc

_SECTION = re.compile(r"(Args|Arguments|Attributes|Returns|Yields|Raises|Example|Examples|Note|Notes):")
_ENTRY = re.compile(r"(?P<name>[*\w., ]+?)(?: \((?P<kind>[^)]*)\))?: (?P<text>.*)")


def docstring(text: str | None) -> list[str]:
    """Return a Google-style docstring as Markdown: its sections become lists."""
    if not text:
        return []
    lines: list[str] = []
    inside = ""
    for line in cleandoc(text).splitlines():
        head = _SECTION.fullmatch(line)
        if head is not None:
            inside = head[1]
            lines += ["", f"**{inside}**", ""]
        elif inside and line.startswith(" ") and not inside.startswith("Example"):
            lines.append(_entry(line))
        else:
            inside = inside if not line or line.startswith(" ") else ""
            lines.append(ticks(line))
    return [*lines, ""]


def _entry(line: str) -> str:
    """Return one line of a section: ``name: text`` begins an entry, what is indented further goes on with it."""
    text = line.strip()
    match = _ENTRY.fullmatch(text)
    if match is not None and len(line) - len(line.lstrip()) <= 4:
        kind = f" ({match['kind']})" if match["kind"] else ""
        return f"- `{match['name']}`{kind}: {ticks(match['text'])}"
    return f"  {ticks(text)}"


def code(text: str) -> str:
    """Return source text for a cell of a table, inside <code>."""
    return html.escape(text, quote=False).replace("|", "&#124;")


def one_line(text: str) -> str:
    """Return the text of a docstring as one line of Markdown."""
    return ticks(" ".join(text.split()))


def ticks(text: str) -> str:
    """Return reStructuredText literals as those of Markdown."""
    return text.replace("``", "`")
