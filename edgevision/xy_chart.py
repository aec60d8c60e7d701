"""Charts with two numeric axes (lines and dots) and stacked bars for HTML reports, drawn by the browser."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from math import floor, log10

from .chart import STROKE, Axis
from .html import Html, join, tag, text

COLORS = ("#2563eb", "#ea580c", "#16a34a", "#9333ea", "#db2777", "#0891b2", "#ca8a04", "#64748b")
"""Colors of the series in order, readable on light and dark."""


@dataclass(frozen=True, slots=True)
class Curve:
    """A set of points in one color."""

    name: str
    points: Sequence[tuple[float, float]]
    color: int = 0
    """Index into ``COLORS``."""
    dots: bool = False
    """Draw dots instead of a line from point to point."""
    listed: bool = True
    """Whether the legend lists the curve."""


@dataclass(frozen=True, slots=True)
class Part:
    """A segment of a stacked bar."""

    name: str
    value: float


def plot(curves: Sequence[Curve], x_name: str, y_name: str, labels: Sequence[tuple[float, float, str]] = ()) -> Html:
    """Plot curves over common axes that start at zero, or below it for negative values; ``labels``: x, y and text."""
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
    """Place a label next to a point (in percent), on the side with room and away from a rising line."""
    side = f'class="left" style="right:{100 - x:.2f}%' if x > 50 else f'style="left:{x:.2f}%'
    return f'<u {side};bottom:{y:.2f}%">{escape(name)}</u>'


def stacked(rows: Sequence[tuple[str, Sequence[Part]]], unit: str) -> Html:
    """Draw one stacked bar per row, all to the same scale, with one color per segment name."""
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
