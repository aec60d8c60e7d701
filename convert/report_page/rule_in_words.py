"""The preprocessing rule as a person would explain it."""

from __future__ import annotations

from edgevision import html
from edgevision.html import Html
from edgevision.rule import Rule

from ..report import ConvertReport


def preprocessing(report: ConvertReport) -> Html:
    """The section: in words, then as it stands in the file."""
    rule = report.card.rule
    rows = [["rule", rule.describe()], ["known from", report.rule_from]]
    said = html.tag("p", html.text(in_words(rule)))
    note = "Training, calibration, evaluation and the device all run the same code; the rule travels in the file."
    return html.section("From picture to tensor", said, html.table(["", ""], rows, plain=True), note=note)


def in_words(rule: Rule) -> str:
    """Which part of the picture is used, how it is resized, and what the numbers mean."""
    return f"{_part(rule)} Large pictures are halved first, as often as that fits, then resized bilinearly. {_values(rule)}"


def _part(rule: Rule) -> str:
    size = f"{rule.width}x{rule.height} pixels"
    if rule.resize == "stretch":
        return f"The whole picture is squeezed into {size}, whatever its shape."
    if rule.resize == "letterbox":
        where = "in the middle" if rule.align == "center" else "in the upper left corner"
        return f"The whole picture is fitted into {size} in its own shape, {where}, with a border of the value {rule.fill}."
    part = "square" if rule.width == rule.height else f"part of the shape {rule.width}:{rule.height}"
    inner = "" if rule.crop_fraction == 1 else f"the inner {100 * rule.crop_fraction:g} % of each side of "
    return f"Only {inner}the largest {part} in the middle of the picture is looked at, brought to {size}."


def _values(rule: Rule) -> str:
    order = {"RGB": "Red, green and blue", "BGR": "Blue, green and red", "GRAY": "The gray value"}[rule.order]
    enter = "enters" if rule.order == "GRAY" else "enter"
    mean, std = (", ".join(f"{value:g}" for value in values) for values in (rule.mean, rule.std))
    if set(rule.mean) == {0.0} and set(rule.std) == {1.0}:
        return f"{order} {enter} the model as the bytes they are, 0 to 255."
    return (
        f"{order} {enter} the model as the bytes they are, 0 to 255; to it they stand for (byte - {mean}) / {std}, "
        "which is written into the quantization of its input."
    )
