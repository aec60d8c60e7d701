"""What is worth having: the models to which none is both faster and more accurate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


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
