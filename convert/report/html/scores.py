"""Report section comparing float and the converted model: accuracy, agreement, accuracy drop and sizes."""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil

from edgevision.evaluation.intervals import Difference, Proportion, is_rough
from edgevision.reporting import charts, html
from edgevision.reporting.html import Html
from edgevision.reporting.terminal import size

from ..record import ConvertReport
from ..summary import balance_row, trained_on_row
from ..text import points

MIN_REACH = 5
"""Minimum half-width of the difference bar, in percentage points."""


def scores(report: ConvertReport) -> Html:
    """Return the section: bars with confidence intervals, all measured on the same images."""
    parts = [_shares(report), _drop(report), _distances(report), _sizes(report)]
    return html.section(report.pair, *parts, note="The light part of a bar is the 95 % confidence interval.")


def _shares(report: ConvertReport) -> Html:
    result, trained = report.comparison, report.heldout.only_trained_on
    named = (
        ("float accuracy", None if trained else result.float_accuracy),
        (f"{report.mode} accuracy", None if trained else result.converted_accuracy),
        ("agreement", result.agreement),
    )
    shown = named[:1] if report.mode == "float" else named
    bars = [_share(name, one) for name, one in shown if one is not None]
    if trained:
        why = "the model was trained on all of these images. Give other labeled ones with --eval-data."
        bars.append(html.paragraph(f"Accuracy on new images is not known: {why}"))
    elif result.float_accuracy is None:
        bars.append(
            html.paragraph("Accuracy is not known: the images have no labels. Give labeled ones with --eval-data.")
        )
    return html.join([*bars, *_apart(report)])


def _share(name: str, one: Proportion) -> Html:
    """Return the bar of a proportion; of few images with their number instead of a percentage."""
    if not is_rough(one):
        return charts.share_bar(name, one.value, one.low, one.high)
    interval = f"({100 * one.low:.0f} to {100 * one.high:.0f} %)"
    return charts.bar(name, f"{one.count} of {one.total}", html.interval(one.value, one.low, one.high), interval)


def _apart(report: ConvertReport) -> Iterator[Html]:
    """Yield what the accuracy is worth: the rows of the summary on the balance of the classes and on training images."""
    rows = [[name, text] for name, text in (*balance_row(report), *trained_on_row(report))]
    if rows:
        yield html.table(["", ""], rows, plain=True)


def _drop(report: ConvertReport) -> Html:
    drop = report.comparison.drop
    if drop is None or report.mode == "float":
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
    if result.divergence is not None and report.mode != "float":
        rows.append(
            [
                "divergence",
                f"{result.divergence:.4f} nats between the scores (Kullback-Leibler, mean over all images)",
            ]
        )
    if result.pictures:
        rows.append(["ties", f"{result.ties} of {result.pictures} images, where several classes share the top score"])
    return html.table(["", ""], rows, plain=True) if rows else html.NOTHING


def _sizes(report: ConvertReport) -> Html:
    sizes = [
        ("source", report.source.bytes),
        ("float .tflite", report.float_bytes),
        (f"{report.mode} .tflite", report.file_bytes),
    ]
    most = max(1, *(count for _, count in sizes))
    bars = (charts.size_bar(name, count / most, size(count)) for name, count in sizes)
    return html.join([html.tag("h3", html.text("Size")), *bars])
