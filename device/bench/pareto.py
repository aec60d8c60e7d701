"""What is worth having: the models to which none is both faster and more accurate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from edgevision import html
from edgevision.html import Html
from edgevision.xy_chart import Curve, plot


@dataclass(frozen=True, slots=True)
class Point:
    """One result whose accuracy is known."""

    name: str
    ms: float
    """The median of predict."""
    accuracy: float
    """Top-1, 0..1."""


def points(results: Sequence[Mapping[str, Any]]) -> list[Point]:
    """Of the results that have an accuracy."""
    known = [one for one in results if one.get("accuracy")]
    return [Point(one["id"], one["predict_ms"]["p50"], one["accuracy"]["value"]) for one in known]


def front(every: Sequence[Point]) -> list[Point]:
    """The Pareto front, fastest first: each is more accurate than all that are as fast or faster."""
    best: list[Point] = []
    for point in sorted(every, key=lambda one: (one.ms, -one.accuracy)):
        if not best or point.accuracy > best[-1].accuracy:
            best.append(point)
    return best


def pareto_section(results: Sequence[Mapping[str, Any]]) -> Html:
    """A part of a page: accuracy over latency; nothing where no accuracy was measured."""
    known = points(results)
    if not known:
        return html.NOTHING
    dots = [Curve(one.name, [(one.ms, 100 * one.accuracy)], n, dots=True, listed=False) for n, one in enumerate(known)]
    line = Curve("nothing else is both faster and better", [(one.ms, 100 * one.accuracy) for one in front(known)], 7)
    labels = [(one.ms, 100 * one.accuracy, one.name) for one in known]
    note = "Top-1 over the median of predict."
    return html.section("Accuracy and speed", plot([line, *dots], "ms", "% right", labels), note=note)
