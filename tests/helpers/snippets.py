"""Finds the Python programs in Markdown pages."""

from __future__ import annotations

import re
from collections.abc import Iterator
from textwrap import dedent

_BLOCK = re.compile(r"^```python\n(.*?)^```|((?:^(?: {4}[^\n]*)?\n)+)", re.DOTALL | re.MULTILINE)
_IMPORT = re.compile(r"^(?:import|from) edgevision\b", re.MULTILINE)


def programs(markdown: str) -> Iterator[str]:
    """Yield each fenced or indented block that imports edgevision."""
    for match in _BLOCK.finditer(markdown):
        code = dedent(match[1] or match[2] or "").strip()
        if _IMPORT.search(code):
            yield code + "\n"
