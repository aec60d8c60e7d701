"""Report section that explains the preprocessing in plain English."""

from __future__ import annotations

from edgevision.preprocessing.spec import Rule
from edgevision.reporting import html
from edgevision.reporting.html import Html

from ..record import ConvertReport


def preprocessing(report: ConvertReport) -> Html:
    """Return the section: the explanation, then the parameters as stored in the file."""
    rule = report.card.rule
    rows = [["preprocessing", rule.describe()], ["determined from", report.rule_from]]
    said = html.tag("p", html.text(in_words(rule)))
    note = "Training, calibration, evaluation and the device run the same code; the parameters are stored in the file."
    return html.section("Preprocessing", said, html.table(["", ""], rows, plain=True), note=note)


def in_words(rule: Rule) -> str:
    """Describe which part of the image is used, how it is resized, and what the input values mean."""
    return f"{_part(rule)} Large images are first halved as often as possible, then resized bilinearly. {_values(rule)}"


def _part(rule: Rule) -> str:
    size = f"{rule.width}x{rule.height} pixels"
    if rule.resize == "stretch":
        return f"The whole image is stretched to {size}, whatever its aspect ratio."
    if rule.resize == "letterbox":
        where = "in the center" if rule.align == "center" else "in the upper left corner"
        return f"The whole image is scaled to fit {size}, keeping its aspect ratio, {where}, with a border of value {rule.fill}."
    part = "square" if rule.width == rule.height else f"{rule.width}:{rule.height} rectangle"
    inner = "" if rule.crop_fraction == 1 else f"the inner {100 * rule.crop_fraction:g} % of each side of "
    return f"Only {inner}the largest {part} in the center of the image is used, resized to {size}."


def _values(rule: Rule) -> str:
    order = {"RGB": "Red, green and blue", "BGR": "Blue, green and red", "GRAY": "The gray value"}[rule.order]
    enter = "enters" if rule.order == "GRAY" else "enter"
    mean, std = (", ".join(f"{value:g}" for value in values) for values in (rule.mean, rule.std))
    if set(rule.mean) == {0.0} and set(rule.std) == {1.0}:
        return f"{order} {enter} the model as raw bytes, 0 to 255."
    return (
        f"{order} {enter} the model as raw bytes, 0 to 255; they represent (byte - {mean}) / {std}, "
        "which the quantization parameters of its input encode."
    )
