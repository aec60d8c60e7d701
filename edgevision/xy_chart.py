"""Charts with numbers on both sides: lines and dots over any values, and bars in parts. Drawn by the browser, as ``chart``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from math import floor, log10

from .chart import STROKE, Axis
from .html import Html, join, tag, text

COLORS = ("#2563eb", "#ea580c", "#16a34a", "#9333ea", "#db2777", "#0891b2", "#ca8a04", "#64748b")
"""Of one series after the other; readable on light and dark."""


@dataclass(frozen=True, slots=True)
class Curve:
    """Points of one colour."""

    name: str
    points: Sequence[tuple[float, float]]
    color: int = 0
    """Number into ``COLORS``."""
    dots: bool = False
    """Dots; else a line from point to point."""
    listed: bool = True
    """Whether it is named below."""


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a bar."""

    name: str
    value: float


def plot(curves: Sequence[Curve], x_name: str, y_name: str, labels: Sequence[tuple[float, float, str]] = ()) -> Html:
    """All curves over one pair of axes that begin at zero, or below it where values do; ``labels``: x, y and a text."""
    x_axis = Axis.around(x for curve in curves for x, _ in curve.points)
    y_axis = Axis.around(y for curve in curves for _, y in curve.points)
    grid = "".join(f"M0 {100 - y_axis.place(tick):.2f}H1000" for tick in y_axis.ticks)
    drawn = join(_curve(curve, x_axis, y_axis) for curve in curves)
    graph = (
        f'<svg viewBox="0 0 1000 100" preserveAspectRatio="none"><path class="grid" d="{grid}" {STROKE}/>{drawn}</svg>'
    )
    left = "".join(f'<i style="bottom:{y_axis.place(t):.2f}%">{_number(t, y_axis)}</i>' for t in y_axis.ticks)
    below = "".join(f'<i class="x" style="left:{x_axis.place(t):.2f}%">{_number(t, x_axis)}</i>' for t in x_axis.ticks)
    names = "".join(_label(x_axis.place(x), y_axis.place(y), name) for x, y, name in labels)
    title = tag("p", text(y_name), "y-name")
    return join([title, Html(f'<div class="plot xy">{graph}{left}{below}{names}</div>'),
                 tag("p", text(x_name), "x-name"), _legend(curves)])  # fmt: skip


def _label(x: float, y: float, name: str) -> str:
    """Beside a point (percent), on the side where there is room, and not where a rising line runs."""
    side = f'class="left" style="right:{100 - x:.2f}%' if x > 50 else f'style="left:{x:.2f}%'
    return f'<u {side};bottom:{y:.2f}%">{escape(name)}</u>'


def stacked(rows: Sequence[tuple[str, Sequence[Part]]], unit: str) -> Html:
    """A bar for each row, all to one scale, in parts of one colour a name."""
    names = list(dict.fromkeys(part.name for _, parts in rows for part in parts))
    longest = max((sum(part.value for part in parts) for _, parts in rows), default=0.0) or 1.0
    bars = []
    for name, parts in rows:
        pieces = "".join(
            f'<span style="width:{100 * part.value / longest:.3f}%;background:{_color(names.index(part.name))}"></span>'
            for part in parts
        )
        told = ", ".join(f"{part.name} {part.value:.3g}" for part in parts)
        ends = join([tag("span", text(name)), tag("small", text(f"{told} {unit}"))])
        bars.append(Html(f'<div class="bar"><div class="ends">{ends}</div><div class="stack">{pieces}</div></div>'))
    return join([*bars, _legend([Curve(name, (), number) for number, name in enumerate(names)])])


def _curve(curve: Curve, x_axis: Axis, y_axis: Axis) -> Html:
    places = [(10 * x_axis.place(x), 100 - y_axis.place(y)) for x, y in curve.points]
    style = f'style="stroke:{_color(curve.color)}"'
    if curve.dots:
        path = "".join(f"M{x:.1f} {y:.2f}h.01" for x, y in places)
        return Html(f'<path class="spot" {style} d="{path}" {STROKE}/>')
    points = " ".join(f"{x:.1f},{y:.2f}" for x, y in places)
    return Html(f'<polyline class="blue" {style} points="{points}" {STROKE}/>')


def _legend(curves: Sequence[Curve]) -> Html:
    marks = [
        Html(f'<b style="background:{_color(curve.color)}"></b>{escape(curve.name)}')
        for curve in curves
        if curve.listed
    ]
    return tag("p", join(tag("span", mark) for mark in marks), "legend marks")


def _color(number: int) -> str:
    return COLORS[number % len(COLORS)]


def _number(value: float, axis: Axis) -> str:
    return f"{value:.{max(0, -floor(log10(axis.step)))}f}"
