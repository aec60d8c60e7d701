"""Charts for HTML reports, drawn by the browser. Lines stretch with the page; text keeps the page's font size."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from math import ceil, floor, isnan, log10

from .html import Html, interval, join, tag, text

TICKS = 5
"""Approximate number of grid lines of a plot."""
MOST = 1e9
"""Larger values are invalid and drawn at the edge; a range below the inverse is treated as empty."""
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


@dataclass(frozen=True, slots=True)
class Axis:
    """The value range of a plot."""

    low: float
    high: float
    step: float

    @classmethod
    def around(cls, values: Iterable[float]) -> Axis:
        """Return an axis with round ends and steps that contains zero and all values."""
        every = [0.0, *(value for value in values if abs(value) < MOST)]
        low, high = min(every), max(every)
        step = _round_step((high - low) / TICKS) if high - low > 1 / MOST else 1.0
        return cls(step * floor(low / step), step * max(ceil(high / step), floor(low / step) + 1), step)

    def place(self, value: float) -> float:
        """Return the position of a value in percent from the bottom. NaN and values outside the axis are put at the edge."""
        inside = self.low if isnan(value) else min(max(value, self.low), self.high)
        return 100 * (inside - self.low) / (self.high - self.low)

    @property
    def ticks(self) -> list[float]:
        """Values with a grid line and a number."""
        count = round((self.high - self.low) / self.step)
        return [self.low + number * self.step for number in range(count + 1)]


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


def _round_step(rough: float) -> float:
    """Round up to 1, 2 or 5 times a power of ten."""
    power = 10.0 ** floor(log10(rough))
    return next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough * (1 - 1e-9))
