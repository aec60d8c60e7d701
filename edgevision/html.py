"""Pages for people: one file with everything inside, readable on a phone, in light and dark, without any request.

Text is escaped here and nowhere else: what takes ``str`` escapes it, what takes ``Html`` does not.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Sequence
from html import escape
from typing import NewType

from .html_style import CSS

Html = NewType("Html", str)
"""Text that is HTML already."""
NOTHING = Html("")


def page(title: str, parts: Iterable[Html]) -> str:
    """The whole document; empty parts leave nothing behind."""
    head = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{CSS}</style></head><body><main>"
    )
    return "\n".join([head, *(part for part in parts if part), "</main></body></html>\n"])


def text(value: str) -> Html:
    """Plain text."""
    return Html(escape(value))


def join(parts: Iterable[Html]) -> Html:
    """One after the other."""
    return Html("".join(parts))


def tag(name: str, content: Html, kind: str = "") -> Html:
    """An element, with a class."""
    return Html(f"<{name}{_kind(kind)}>{content}</{name}>")


def paragraph(value: str, kind: str = "note") -> Html:
    """Text of a class: ``note``, ``sub`` (below a headline), ``kicker`` (above it)."""
    return tag("p", text(value), kind)


def header(kicker: str, title: str, *content: Html) -> Html:
    """The top of a page."""
    return tag("header", join([paragraph(kicker, "kicker"), tag("h1", text(title)), *content]))


def section(title: str, *content: Html, note: str = "", kind: str = "") -> Html:
    """A part with a headline and a line that says how to read it."""
    below = [paragraph(note)] if note else []
    return tag("section", join([tag("h2", text(title)), *below, *content]), kind)


def score(value: str, unit: str = "") -> Html:
    """The one number of a page."""
    small = tag("small", text(f" {unit}")) if unit else NOTHING
    return tag("p", join([text(value), small]), "score")


def interval(value: float, low: float, high: float) -> Html:
    """A share and its 95 % interval on a bar from 0 to 1; all 0..1."""
    return Html(
        f'<div class="interval"><span style="left:{100 * low:.2f}%;width:{100 * (high - low):.2f}%"></span>'
        f'<b style="left:{100 * value:.2f}%"></b></div>'
    )


def scale(low: str = "0 %", high: str = "100 %") -> Html:
    """The two ends of a bar."""
    return Html(f'<div class="scale"><span>{escape(low)}</span><span>{escape(high)}</span></div>')


def findings(lines: Iterable[tuple[str, str]]) -> Html:
    """Sentences with a coloured edge; kinds are ``good``, ``warn`` and ``info``."""
    return tag("ul", join(tag("li", text(line), kind) for kind, line in lines), "findings")


def table(head: Sequence[str], rows: Iterable[Sequence[str]], plain: bool = False) -> Html:
    """Numbers stand right, but for the first column and those whose head begins with ``<``; ``plain``: all stand left.

    An empty head is left out.
    """
    kinds = ["left" if name.startswith("<") else "" for name in head]
    top = _row("th", [name.removeprefix("<") for name in head], kinds) if any(head) else NOTHING
    body = join(_row("td", row, kinds) for row in rows)
    return tag("div", tag("table", join([top, body]), "plain" if plain else ""), "wide")


def details(summary: str, content: Html) -> Html:
    """Folded away until somebody wants it."""
    return tag("details", join([tag("summary", text(summary)), content]))


def image(data: bytes, kind: str, alt: str) -> Html:
    """A picture inside the page; ``kind``: png or jpeg."""
    return Html(f'<img alt="{escape(alt)}" src="data:image/{kind};base64,{base64.b64encode(data).decode()}">')


def tile(picture: Html, lines: Iterable[Html], small: str = "") -> Html:
    """A picture with lines below it."""
    below = [tag("small", text(small))] if small else []
    return tag("figure", join([picture, tag("figcaption", join([Html("<br>".join(lines)), *below]))]))


def tiles(found: Iterable[Html]) -> Html:
    """Pictures that flow with the width of the page."""
    return tag("div", join(found), "tiles")


def percent(value: float) -> str:
    """A share 0..1 for people."""
    return f"{100 * value:.1f} %"


def _row(cell: str, cells: Sequence[str], kinds: Sequence[str]) -> Html:
    return tag("tr", join(tag(cell, _breakable(one), kind) for one, kind in zip(cells, kinds, strict=True)))


def _breakable(words: str) -> Html:
    """Names in capitals with underscores break there rather than within a word."""
    return Html(re.sub(r"(?<=[A-Z]_)(?=[A-Z0-9])", "<wbr>", text(words)))


def _kind(kind: str) -> str:
    return f' class="{escape(kind)}"' if kind else ""
