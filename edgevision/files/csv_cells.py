"""Cells of the CSV files that we write: no spreadsheet takes one for a formula, and reading returns what was written."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence

_FORMULA = re.compile("'*[=+\\-@\t\r\n＝＋－＠]")
"""Start of a cell that a spreadsheet may run as a formula, behind any apostrophes that escape it."""
_ESCAPED = re.compile("'+[=+\\-@\t\r\n＝＋－＠]")


def escape(cell: str) -> str:
    """Return the text for a cell: an apostrophe in front makes a spreadsheet show it instead of running it.

    Source: OWASP, CSV Injection.
    """
    return f"'{cell}" if _FORMULA.match(cell) else cell


def unescape(cell: str) -> str:
    """Return what was given to ``escape``."""
    return cell[1:] if _ESCAPED.match(cell) else cell


def dumps(rows: Iterable[Sequence[str]]) -> str:
    """Return the text of a CSV; texts that could be formulas are escaped."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows([escape(cell) for cell in row] for row in rows)
    return out.getvalue()
