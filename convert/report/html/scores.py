"""Report section comparing float and int8: accuracy, agreement, accuracy drop and sizes."""

from __future__ import annotations

from math import ceil

from edgevision.evaluation.intervals import Difference
from edgevision.reporting import charts, html
from edgevision.reporting.html import Html
from edgevision.reporting.terminal import size

from ..record import ConvertReport
from .headline import points

MIN_REACH = 5
"""Minimum half-width of the difference bar, in percentage points."""


def scores(report: ConvertReport) -> Html:
    """Return the section: bars with confidence intervals, all measured on the same images."""
    parts = [_shares(report), _drop(report), _distances(report), _sizes(report)]
    return html.section("Float and int8", *parts, note="The light part of a bar is the 95 % confidence interval.")


def _shares(report: ConvertReport) -> Html:
    result = report.comparison
    named = (
        ("float accuracy", result.float_accuracy),
        ("int8 accuracy", result.int8_accuracy),
        ("agreement", result.agreement),
    )
    bars = [charts.share_bar(name, one.value, one.low, one.high) for name, one in named if one is not None]
    if result.float_accuracy is None:
        bars.append(
            html.paragraph("Accuracy is not known: the images have no labels. Give labeled ones with --eval-data.")
        )
    return html.join(bars)


def _drop(report: ConvertReport) -> Html:
    drop = report.comparison.drop
    if drop is None:
        return html.NOTHING
    reach = max(MIN_REACH, ceil(100 * max(abs(drop.low), abs(drop.high))))
    bar = charts.difference_bar(100 * drop.value, 100 * drop.low, 100 * drop.high, reach)
    ends = html.scale(f"{reach} points gained", f"{reach} points lost")
    return charts.bar("difference", points(drop.value), html.join([bar, ends]), _range(drop))


def _range(drop: Difference) -> str:
    return f"({points(drop.low, '')} to {points(drop.high, '')})"


def _distances(report: ConvertReport) -> Html:
    result = report.comparison
    rows = []
    if result.divergence is not None:
        rows.append(
            [
                "divergence",
                f"{result.divergence:.4f} nats between the scores (Kullback-Leibler, mean over all images)",
            ]
        )
    if result.pictures:
        rows.append(
            ["ties", f"{result.ties} of {result.pictures} images, where several classes share the top int8 score"]
        )
    return html.table(["", ""], rows, plain=True) if rows else html.NOTHING


def _sizes(report: ConvertReport) -> Html:
    sizes = [
        ("source", report.source.bytes),
        ("float .tflite", report.float_bytes),
        ("int8 .tflite", report.int8_bytes),
    ]
    most = max(1, *(count for _, count in sizes))
    bars = (charts.size_bar(name, count / most, size(count)) for name, count in sizes)
    return html.join([html.tag("h3", html.text("Size")), *bars])
