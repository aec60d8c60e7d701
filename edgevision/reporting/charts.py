"""Charts for HTML reports, drawn by the browser. Lines stretch with the page; text keeps the page's font size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from math import floor, log10

from .axes import Axis, LogAxis
from .html import Html, interval, join, tag, text

STROKE = 'vector-effect="non-scaling-stroke" fill="none"'


@dataclass(frozen=True, slots=True)
class Series:
    """A line with one value per position along the plot."""

    name: str
    """Name in the legend."""
    values: Sequence[float]
    """Values from left to right."""
    kind: str
    """Class in the style sheet: ``blue`` or ``gray``."""


def bar(name: str, value: str, content: Html, small: str = "") -> Html:
    """Return a line with a name and a number, and a bar below it."""
    more = [tag("small", text(f" {small}"))] if small else []
    ends = [tag("span", text(name)), tag("b", join([text(value), *more]))]
    return tag("div", join([tag("div", join(ends), "ends"), content]), "bar")


def share_bar(name: str, value: float, low: float, high: float) -> Html:
    """Return a bar for a proportion with its 95 % confidence interval, all 0..1."""
    return bar(name, f"{100 * value:.1f} %", interval(value, low, high), f"({100 * low:.1f} to {100 * high:.1f})")


def size_bar(name: str, part: float, value: str) -> Html:
    """Return a bar whose length is ``part`` (0..1) of the longest bar."""
    return bar(name, value, Html(f'<div class="interval"><i style="width:{100 * part:.2f}%"></i></div>'))


def difference_bar(value: float, low: float, high: float, reach: float) -> Html:
    """Return a bar from -reach to reach, with a difference, its interval and a line at zero."""
    left, right, middle = (50 + 50 * min(max(v / reach, -1.0), 1.0) for v in (low, high, value))
    return Html(
        f'<div class="interval zero"><span style="left:{left:.2f}%;width:{right - left:.2f}%"></span>'
        f'<b style="left:{middle:.2f}%"></b></div>'
    )


def lines(series: Sequence[Series], unit: str, marked: Sequence[int] = ()) -> Html:
    """Plot values along the model, one line per series. Positions in ``marked`` get a red dot on the last series."""
    axis = Axis.around(value for one in series for value in one.values)
    drawn = [_line(one, axis) for one in series]
    dots = [_dots(series[-1], marked, axis)] if series else []
    return join([_plot(axis, unit, [*drawn, *dots]), _legend(series)])


def spans(pairs: Sequence[tuple[float, float]], unit: str) -> Html:
    """Plot a vertical line from low to high for each pair."""
    axis = Axis.around(value for pair in pairs for value in pair)
    path = "".join(f"M{_x(n, len(pairs))} {_y(low, axis)}V{_y(high, axis)}" for n, (low, high) in enumerate(pairs))
    return _plot(axis, unit, [Html(f'<path class="span" d="{path}" {STROKE}/>')])


def _plot(axis: Axis, unit: str, drawn: Sequence[Html]) -> Html:
    grid = "".join(f"M0 {_y(tick, axis)}H1000" for tick in axis.ticks)
    zero = f'<path class="axis" d="M0 {_y(0.0, axis)}H1000" {STROKE}/>'
    graph = f'<svg viewBox="0 0 1000 100" preserveAspectRatio="none"><path class="grid" d="{grid}" {STROKE}/>{zero}'
    numbers = "".join(
        f'<i style="bottom:{axis.place(tick):.2f}%">{escape(f"{_tick(tick, axis)}{unit}")}</i>' for tick in axis.ticks
    )
    return Html(f'<div class="plot">{graph}{"".join(drawn)}</svg>{numbers}</div>')


def _line(series: Series, axis: Axis) -> Html:
    points = " ".join(f"{_x(n, len(series.values))},{_y(v, axis)}" for n, v in enumerate(series.values))
    return Html(f'<polyline class="{series.kind}" points="{points}" {STROKE}/>')


def _dots(series: Series, places: Sequence[int], axis: Axis) -> Html:
    count = len(series.values)
    path = "".join(f"M{_x(n, count)} {_y(series.values[n], axis)}h.01" for n in places)
    return Html(f'<path class="dot" d="{path}" {STROKE}/>')


def _legend(series: Sequence[Series]) -> Html:
    return tag("p", join(tag("span", text(one.name), one.kind) for one in series), "legend")


def _x(number: int, count: int) -> str:
    return f"{1000 * (number + 0.5) / count:.1f}"


def _y(value: float, axis: Axis) -> str:
    return f"{100 - axis.place(value):.2f}"


def _tick(value: float, axis: Axis) -> str:
    return f"{value:.{max(0, -floor(log10(axis.step)))}f}"


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
class BarSegment:
    """A segment of a stacked bar."""

    name: str
    value: float


def plot(
    curves: Sequence[Curve],
    x_name: str,
    y_name: str,
    y_from_zero: bool = True,
    x_log: bool = False,
) -> Html:
    """Plot curves over common axes.

    The axes start at zero, or below it for negative values; the vertical one only if ``y_from_zero``. ``x_log``: the
    horizontal one is logarithmic, for positive values of different orders.
    """
    every = [x for curve in curves for x, _ in curve.points]
    x_axis = LogAxis.around(every) if x_log else Axis.around(every)
    y_axis = Axis.around((y for curve in curves for _, y in curve.points), y_from_zero)
    grid = "".join(f"M0 {100 - y_axis.place(tick):.2f}H1000" for tick in y_axis.ticks)
    drawn = join(_curve(curve, x_axis, y_axis) for curve in curves)
    graph = (
        f'<svg viewBox="0 0 1000 100" preserveAspectRatio="none"><path class="grid" d="{grid}" {STROKE}/>{drawn}</svg>'
    )
    left = "".join(f'<i style="bottom:{y_axis.place(t):.2f}%">{y_axis.text(t)}</i>' for t in y_axis.ticks)
    below = "".join(f'<i class="x" style="left:{x_axis.place(t):.2f}%">{x_axis.text(t)}</i>' for t in x_axis.ticks)
    title = tag("p", text(y_name), "y-name")
    return join([title, Html(f'<div class="plot xy">{graph}{left}{below}</div>'),
                 tag("p", text(x_name), "x-name"), _curve_legend(curves)])  # fmt: skip


def stacked(rows: Sequence[tuple[str, Sequence[BarSegment]]], unit: str) -> Html:
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
    return join([*bars, _curve_legend([Curve(name, (), number) for number, name in enumerate(names)])])


def _curve(curve: Curve, x_axis: Axis | LogAxis, y_axis: Axis) -> Html:
    places = [(10 * x_axis.place(x), 100 - y_axis.place(y)) for x, y in curve.points]
    style = f'style="stroke:{_color(curve.color)}"'
    if curve.dots:
        path = "".join(f"M{x:.1f} {y:.2f}h.01" for x, y in places)
        return Html(f'<path class="spot" {style} d="{path}" {STROKE}/>')
    points = " ".join(f"{x:.1f},{y:.2f}" for x, y in places)
    return Html(f'<polyline class="blue" {style} points="{points}" {STROKE}/>')


def _curve_legend(curves: Sequence[Curve]) -> Html:
    marks = [
        Html(f'<b style="background:{_color(curve.color)}"></b>{escape(curve.name)}')
        for curve in curves
        if curve.listed
    ]
    return tag("p", join(tag("span", mark) for mark in marks), "legend marks")


def _color(number: int) -> str:
    return COLORS[number % len(COLORS)]
