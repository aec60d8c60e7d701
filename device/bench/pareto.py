"""The Pareto front of accuracy and latency: models that no other model beats in both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from edgevision.reporting import html
from edgevision.reporting.charts import Curve, plot
from edgevision.reporting.html import Html
from edgevision.reporting.terminal import table

from .tables import UNKNOWN, accuracy, is_of_training_images, ms, page_table, told

if TYPE_CHECKING:
    from rich.table import Table


@dataclass(frozen=True, slots=True)
class Point:
    """A result with a known accuracy."""

    name: str
    ms: float
    """Median of predict."""
    accuracy: float
    """Top-1 accuracy, 0 to 1."""
    low: float = 0.0
    high: float = 1.0
    """Ends of its 95 % confidence interval."""


def points(results: Sequence[Mapping[str, Any]]) -> list[Point]:
    """Return the points of the results that have an accuracy on images that the model was not trained on."""
    known = [one for one in results if one.get("accuracy") and not is_of_training_images(one["accuracy"])]
    return [
        Point(one["id"], one["predict_ms"]["p50"], *(one["accuracy"][name] for name in ("value", "low", "high")))
        for one in known
    ]


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
    dots = [Curve(one.name, [(one.ms, 100 * one.accuracy)], n, dots=True) for n, one in enumerate(known)]
    bars = [
        Curve("", [(one.ms, 100 * one.low), (one.ms, 100 * one.high)], n, listed=False) for n, one in enumerate(known)
    ]
    line = Curve("Pareto front", [(one.ms, 100 * one.accuracy) for one in front(known)], 7)
    note = (
        f"Top-1 accuracy over the median of predict{_images(results)}. On the Pareto front, no other model is both faster and "
        "more accurate. Vertical lines are 95 % confidence intervals; latency is logarithmic, accuracy does not start at zero."
    )
    picture = plot([line, *bars, *dots], "ms", "% correct", y_from_zero=False, x_log=True)
    head, rows = accuracy_cells(results)
    head = [name[1:] if name.startswith(">") else f"<{name}" for name in head]
    return html.section("Accuracy and latency", picture, page_table(head, rows), note=note)


def accuracy_table(results: Sequence[Mapping[str, Any]]) -> Table | None:
    """Return the table of accuracy, agreement with float, latency and size; None if no accuracy was measured."""
    if not any(one.get("accuracy") for one in results):
        return None
    return table(*told(*accuracy_cells(results)), title=f"Accuracy{_images(results)}")


def accuracy_cells(results: Sequence[Mapping[str, Any]]) -> tuple[list[str], list[list[str]]]:
    """Return headings and rows of that table."""
    best = {one.name for one in front(points(results))}
    head = ["model, engine, threads", "mode", ">top-1 (95 % CI)", ">same as float", ">predict p50 ms", ">file MB", ""]
    rows = [
        [
            one["id"],
            one["model"].get("mode") or UNKNOWN,
            accuracy(one),
            _same_as_float(one),
            ms(one["predict_ms"]["p50"]),
            f"{(one['model'].get('bytes') or 0) / 1e6:.2f}",
            "Pareto front" if one["id"] in best else "",
        ]
        for one in results
    ]
    return head, rows


def _same_as_float(result: Mapping[str, Any]) -> str:
    found = (result.get("accuracy") or {}).get("agreement")
    if not found:
        return UNKNOWN
    return f"{100 * found['value']:.1f} % ({100 * found['low']:.1f}..{100 * found['high']:.1f})"


def _images(results: Sequence[Mapping[str, Any]]) -> str:
    """Return on how many images the accuracy was measured, if all models were measured on the same ones."""
    known = [one["accuracy"] for one in results if one.get("accuracy") and not is_of_training_images(one["accuracy"])]
    if len({(one.get("fingerprint"), one.get("total")) for one in known}) != 1 or known[0].get("total") is None:
        return ""
    part = known[0].get("split")
    return f", on the same {known[0]['total']} images" + (f" ({part})" if part not in (None, "all") else "")
