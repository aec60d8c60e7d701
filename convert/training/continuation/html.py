"""The comparison with the earlier model as a section of report.html."""

from __future__ import annotations

from collections.abc import Iterator

from edgevision.evaluation.not_worse import PairedResult, Pairs
from edgevision.reporting import html
from edgevision.reporting.html import Html

from .proposal import Proposal, Verdict

MAX_CLASSES = 60
"""Maximum rows of the class table; those with the largest loss come first."""
TITLES: dict[Verdict, str] = {
    "better": "Better than the earlier model",
    "not_worse": "Not worse than the earlier model",
    "unclear": "Refused: not shown to be as good as the earlier model",
    "worse": "Refused: worse than the earlier model",
    "contradictory": "Refused: the new labels contradict the earlier ones",
}


def proposal_section(proposal: Proposal) -> Html:
    """Return the section: the decision and its reason, each class, doubtful labels and the next commands."""
    reason = proposal.reason()
    kind = "good" if proposal.accepted else "warn"
    lines = [(kind, f"{reason[:1].upper()}{reason[1:]}."), *_class_lines(proposal), *_doubts(proposal)]
    parts = [html.findings(lines)]
    if proposal.result is not None:
        parts.append(_classes(proposal.result))
    if proposal.on_new is not None:
        parts += [html.paragraph("On the new test photos, with the labels they came with:"), _classes(proposal.on_new)]
    parts += [html.paragraph(f"Next: {line}") for line in proposal.next()]
    return html.section(TITLES[proposal.verdict], *parts, note=f"The same images for both: {proposal.measured_on}.")


def _class_lines(proposal: Proposal) -> Iterator[tuple[str, str]]:
    if proposal.result is not None:
        for one in proposal.result.forgotten:
            yield "warn", f"Forgotten: {one.describe()}."
    for new in proposal.new_classes:
        yield "info", f"New class {new.name}: {new.correct} of {new.images} test images found."


def _doubts(proposal: Proposal) -> Iterator[tuple[str, str]]:
    for one in proposal.doubtful.groups:
        if one.stands_out:
            yield "warn", f"Check the labels: {one.describe()}."
    if proposal.doubtful.photos:
        some = ", ".join(f"{one.path} ({one.answer}, {100 * one.score:.0f} %)" for one in proposal.doubtful.photos[:5])
        yield "info", f"New photos that the earlier model firmly takes for another class: {some}."


def _classes(result: PairedResult) -> Html:
    order = sorted(result.classes, key=lambda one: one.pairs.gained - one.pairs.lost)[:MAX_CLASSES]
    rows = [_row("all", result.pairs), *(_row(one.name, one.pairs) for one in order)]
    return html.table(["class", "images", "correct before", "correct now", "lost", "gained"], rows)


def _row(name: str, pairs: Pairs) -> list[str]:
    counts = (pairs.images, pairs.first_correct, pairs.second_correct, pairs.lost, pairs.gained)
    return [name, *map(str, counts)]
