"""report.html of a detector's training: one self-contained page with all images embedded; readable on a phone."""

from __future__ import annotations

from collections.abc import Iterator

from edgevision.evaluation.detection.evaluation import ObjectEvaluation
from edgevision.evaluation.detection.page import (
    classes_section,
    curves_section,
    error_counts_section,
    error_sections,
    headline,
)
from edgevision.files import run_folder
from edgevision.reporting import html
from edgevision.reporting.html import Html

from ..report.html import picture_section
from ..report.outputs import CURVES_FILE, SAMPLES_FILE
from .result import DetectorResult

FEW_OBJECTS = 50
"""Number of test objects below which the measures are only a rough estimate."""


def page(result: DetectorResult) -> str:
    """Return the HTML text."""
    title = f"{result.plan.choice.backbone} detector - edgevision train"
    folder = result.folder
    samples = "Left: the original; right: augmented versions used in training."
    parts = [
        _headline(result),
        _findings(result),
        *_evaluation(result.evaluation),
        picture_section(
            folder / CURVES_FILE, "Learning curves", "Training loss, and validation of each epoch.", plot=True
        ),
        picture_section(folder / SAMPLES_FILE, "Training images", samples),
        _details(result),
    ]
    return html.page(title, parts)


def _headline(result: DetectorResult) -> Html:
    network = html.paragraph(f"{result.plan.choice.describe()}, {result.origin}", "sub")
    labels = result.learning.dataset.classes
    title = ", ".join(labels) if len(labels) <= 4 else f"{len(labels)} classes: {', '.join(labels[:3])} ..."
    return html.header("edgevision train", title, network, _score(result.evaluation))


def _score(evaluation: ObjectEvaluation | None) -> Html:
    if evaluation is None:
        return html.join([html.score("not tested"), html.paragraph("no test images were available", "sub")])
    return headline(evaluation)


def _evaluation(evaluation: ObjectEvaluation | None) -> Iterator[Html]:
    if evaluation is not None:
        measures = evaluation.measures
        yield classes_section(measures)
        yield curves_section(measures)
        yield error_counts_section(measures)
        yield from error_sections(measures, evaluation.images)


def _findings(result: DetectorResult) -> Html:
    lines: list[tuple[str, str]] = []
    found = result.evaluation
    if found is not None and found.measures.metrics.objects < FEW_OBJECTS:
        lines.append(
            ("warn", "Few test objects: the measures are only a rough estimate. More images make them precise.")
        )
    if result.threshold is not None:
        said = result.threshold.describe()
        lines.append(("info", f"{said[:1].upper()}{said[1:]}."))
    lines += [("warn", line) for line in result.learning.warnings]
    return html.section("Worth knowing", html.findings(lines)) if lines else html.NOTHING


def _details(result: DetectorResult) -> Html:
    plan, learning = result.plan, result.learning
    counts = ", ".join(f"{n} {name}" for name, n in learning.counts().items())
    seconds = sum(row.seconds for row in result.history)
    preprocessing = plan.choice.preprocessing(result.settings.resize_or("stretch"))
    rows = [
        ["network", f"{plan.choice.describe()}, {result.head}"],
        ["initial weights", result.origin],
        ["images", counts],
        ["skipped", f"{len(learning.skipped)} files"],
        ["input", preprocessing.describe()],
        ["training", f"{len(result.history)} epochs, {seconds:.0f} s; {plan.applied}"],
        ["weights kept", f"average of the last steps, epoch {result.kept} of {len(result.history)}"],
        ["seed", str(plan.seed)],
        ["versions", ", ".join(f"{name} {version}" for name, version in run_folder.versions().items())],
    ]
    files = (
        "config.toml repeats this training; split.csv lists the images of each split; history.csv lists every epoch."
    )
    return html.section("How it was made", html.table(["", ""], rows, plain=True), html.paragraph(files))
