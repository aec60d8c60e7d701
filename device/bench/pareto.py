"""The Pareto front of accuracy and latency: models that no other model beats in both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from edgevision.reporting import html
from edgevision.reporting.charts import Curve, plot
from edgevision.reporting.html import Html

from .tables import is_of_training_images


@dataclass(frozen=True, slots=True)
class Point:
    """A result with a known accuracy."""

    name: str
    ms: float
    """Median of predict."""
    accuracy: float
    """Top-1 accuracy, 0 to 1."""


def points(results: Sequence[Mapping[str, Any]]) -> list[Point]:
    """Return the points of the results that have an accuracy on images that the model was not trained on."""
    known = [one for one in results if one.get("accuracy") and not is_of_training_images(one["accuracy"])]
    return [Point(one["id"], one["predict_ms"]["p50"], one["accuracy"]["value"]) for one in known]


def front(every: Sequence[Point]) -> list[Point]:
    """Return the Pareto front, fastest first: each point is more accurate than all that are at least as fast."""
    best: list[Point] = []
    for point in sorted(every, key=lambda one: (one.ms, -one.accuracy)):
        if not best or point.accuracy > best[-1].accuracy:
            best.append(point)
    return best


def pareto_section(results: Sequence[Mapping[str, Any]]) -> Html:
    """Return a page section with accuracy over latency; nothing if no accuracy was measured."""
    known = points(results)
    if not known:
        return html.NOTHING
    dots = [Curve(one.name, [(one.ms, 100 * one.accuracy)], n, dots=True, listed=False) for n, one in enumerate(known)]
    line = Curve("Pareto front", [(one.ms, 100 * one.accuracy) for one in front(known)], 7)
    labels = [(one.ms, 100 * one.accuracy, one.name) for one in known]
    note = "Top-1 accuracy over the median of predict. On the Pareto front, no other model is both faster and more accurate."
    return html.section("Accuracy and latency", plot([line, *dots], "ms", "% correct", labels), note=note)
