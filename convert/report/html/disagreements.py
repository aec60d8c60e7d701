"""Report section with the images on which the float and the converted model disagree."""

from __future__ import annotations

from edgevision.reporting import html
from edgevision.reporting.html import Html

from ...comparison.disagreements import Disagreement
from ..record import ConvertReport

SMALL = 64
"""Input side in pixels below which images are shown enlarged with visible pixels."""


LONG = 20
"""Label length in characters above which only the first of its names is shown."""


def disagreements(report: ConvertReport) -> Html:
    """Return the section, the most confident disagreements first."""
    result = report.comparison
    if result.agreement is None:
        return html.NOTHING
    count = result.agreement.total - result.agreement.count
    if not result.disagreements:
        return html.section("Disagreements", note=f"None in {result.agreement.total} images.")
    shown = len(result.disagreements)
    which = f"All {count}" if shown == count else f"{shown} of {count}, those where both models are most confident"
    note = f"{which}. Images are shown as the network saw them; each score is that of the model that gave the answer."
    tiles = html.tiles(_tile(one, report) for one in result.disagreements)
    small = max(report.card.preprocessing.width, report.card.preprocessing.height) < SMALL
    return html.section("Disagreements", tiles, note=note, kind="small-images" if small else "")


def _tile(one: Disagreement, report: ConvertReport) -> Html:
    answers = [("float", one.float_top, one.float_scores[0]), (report.mode, one.converted_top, one.converted_scores[1])]
    lines = [_answer(who, report.card.label(top), score, top in one.labels) for who, top, score in answers]
    if one.labels and not one.labels & {one.float_top, one.converted_top}:
        lines.append(
            html.text("label: " + " or ".join(sorted({_short(report.card.label(index)) for index in one.labels})))
        )
    return html.tile(html.image(one.jpeg, "jpeg", one.path.name), lines, one.path.name)


def _answer(who: str, label: str, score: float, right: bool) -> Html:
    said = f"{who}: {_short(label)} {100 * score:.0f}\u00a0%"
    return html.tag("span", html.text(f"{said}\u00a0✓"), "right") if right else html.text(said)


def _short(label: str) -> str:
    """Return the first name of a long label that lists several."""
    return label.partition(",")[0] if len(label) > LONG else label
