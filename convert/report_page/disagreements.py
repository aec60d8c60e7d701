"""The pictures on which float and int8 answer differently."""

from __future__ import annotations

from edgevision import html
from edgevision.html import Html

from ..disagreements import Disagreement
from ..report import ConvertReport

SMALL = 64
"""Pixels; a smaller input is shown with its pixels as squares."""


LONG = 20
"""Letters of a label beyond which one of its names is enough."""


def disagreements(report: ConvertReport) -> Html:
    """Tiles, the surest first."""
    result = report.comparison
    if result.agreement is None:
        return html.NOTHING
    count = result.agreement.total - result.agreement.count
    if not result.disagreements:
        return html.section("Disagreements", note=f"None on {result.agreement.total} pictures.")
    shown = len(result.disagreements)
    which = f"All {count}" if shown == count else f"{shown} of {count}, those where both are surest"
    note = f"{which}. The pictures are as the network saw them; scores are those of the model that gives the answer."
    tiles = html.tiles(_tile(one, report) for one in result.disagreements)
    small = max(report.card.rule.width, report.card.rule.height) < SMALL
    return html.section("Disagreements", tiles, note=note, kind="small-pictures" if small else "")


def _tile(one: Disagreement, report: ConvertReport) -> Html:
    answers = [("float", one.float_top, one.float_scores[0]), ("int8", one.int8_top, one.int8_scores[1])]
    lines = [_answer(who, report.card.label(top), score, top in one.labels) for who, top, score in answers]
    if one.labels and not one.labels & {one.float_top, one.int8_top}:
        lines.append(
            html.text("it is " + " or ".join(sorted({_short(report.card.label(index)) for index in one.labels})))
        )
    return html.tile(html.image(one.jpeg, "jpeg", one.path.name), lines, one.path.name)


def _answer(who: str, label: str, score: float, right: bool) -> Html:
    said = f"{who}: {_short(label)} {100 * score:.0f}\u00a0%"
    return html.tag("span", html.text(f"{said}\u00a0✓"), "right") if right else html.text(said)


def _short(label: str) -> str:
    """The first of several names, where a label lists them and is long."""
    return label.partition(",")[0] if len(label) > LONG else label
