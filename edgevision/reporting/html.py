"""Building blocks of self-contained HTML reports: one file, no requests, readable on phones, light and dark themes.

Text is escaped only here: parameters of type ``str`` are escaped, parameters of type ``Html`` are not.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Sequence
from html import escape
from typing import NewType

from .html_style import CSS

Html = NewType("Html", str)
"""Text that is already HTML."""
NOTHING = Html("")


def page(title: str, parts: Iterable[Html]) -> str:
    """Return the whole document; empty parts are dropped."""
    head = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{CSS}</style></head><body><main>"
    )
    whole = "\n".join([head, *(part for part in parts if part), "</main></body></html>\n"])
    return whole.encode("utf-8", "backslashreplace").decode()  # names of files may have bytes that are not UTF-8


def text(value: str) -> Html:
    """Escape plain text."""
    return Html(escape(value))


def join(parts: Iterable[Html]) -> Html:
    """Concatenate parts."""
    return Html("".join(parts))


def tag(name: str, content: Html, kind: str = "") -> Html:
    """Return an element; ``kind`` is its class."""
    return Html(f"<{name}{_kind(kind)}>{content}</{name}>")


def paragraph(value: str, kind: str = "note") -> Html:
    """Return a paragraph of the class ``note``, ``sub`` (below a headline) or ``kicker`` (above a headline)."""
    return tag("p", text(value), kind)


def header(kicker: str, title: str, *content: Html) -> Html:
    """Return the header of a page."""
    return tag("header", join([paragraph(kicker, "kicker"), tag("h1", text(title)), *content]))


def section(title: str, *content: Html, note: str = "", kind: str = "") -> Html:
    """Return a section with a headline and an optional note on how to read it."""
    below = [paragraph(note)] if note else []
    return tag("section", join([tag("h2", text(title)), *below, *content]), kind)


def score(value: str, unit: str = "") -> Html:
    """Return the main number of a page."""
    small = tag("small", text(f" {unit}")) if unit else NOTHING
    return tag("p", join([text(value), small]), "score")


def interval(value: float, low: float, high: float) -> Html:
    """Return a bar from 0 to 1 with a proportion and its 95 % confidence interval, all 0..1."""
    return Html(
        f'<div class="interval"><span style="left:{100 * low:.2f}%;width:{100 * (high - low):.2f}%"></span>'
        f'<b style="left:{100 * value:.2f}%"></b></div>'
    )


def scale(low: str = "0 %", high: str = "100 %") -> Html:
    """Return the labels for the two ends of a bar."""
    return Html(f'<div class="scale"><span>{escape(low)}</span><span>{escape(high)}</span></div>')


def findings(lines: Iterable[tuple[str, str]]) -> Html:
    """Return a list of (kind, sentence) with a colored edge; kinds are ``good``, ``warn`` and ``info``."""
    return tag("ul", join(tag("li", text(line), kind) for kind, line in lines), "findings")


def table(head: Sequence[str], rows: Iterable[Sequence[str]], plain: bool = False) -> Html:
    """Return a table. An empty head is left out.

    Cells are right-aligned, except in the first column and in columns whose head starts with ``<``. With ``plain``, all
    cells are left-aligned.
    """
    kinds = ["left" if name.startswith("<") else "" for name in head]
    top = _row("th", [name.removeprefix("<") for name in head], kinds) if any(head) else NOTHING
    body = join(_row("td", row, kinds) for row in rows)
    return tag("div", tag("table", join([top, body]), "plain" if plain else ""), "wide")


def details(summary: str, content: Html) -> Html:
    """Return content that is collapsed until the reader opens it."""
    return tag("details", join([tag("summary", text(summary)), content]))


def image(data: bytes, kind: str, alt: str, plot: bool = False) -> Html:
    """Embed an image in the page; ``kind``: png or jpeg; ``plot``: a drawing on white, turned dark on a dark page."""
    found = ' class="drawn"' if plot else ""
    return Html(f'<img{found} alt="{escape(alt)}" src="data:image/{kind};base64,{base64.b64encode(data).decode()}">')


def tile(picture: Html, lines: Iterable[Html], small: str = "") -> Html:
    """Return an image with lines of text below it."""
    below = [tag("small", text(small))] if small else []
    return tag("figure", join([picture, tag("figcaption", join([Html("<br>".join(lines)), *below]))]))


def tiles(found: Iterable[Html]) -> Html:
    """Arrange tiles in a grid that adapts to the width of the page."""
    return tag("div", join(found), "tiles")


def percent(value: float) -> str:
    """Format a proportion of 0..1 as a percentage."""
    return f"{100 * value:.1f} %"


def _row(cell: str, cells: Sequence[str], kinds: Sequence[str]) -> Html:
    return tag("tr", join(tag(cell, _breakable(one), kind) for one, kind in zip(cells, kinds, strict=True)))


def _breakable(words: str) -> Html:
    """Let names in capitals, such as DEPTHWISE_CONV_2D, wrap after an underscore instead of inside a word."""
    return Html(re.sub(r"(?<=[A-Z]_)(?=[A-Z0-9])", "<wbr>", text(words)))


def _kind(kind: str) -> str:
    return f' class="{escape(kind)}"' if kind else ""
