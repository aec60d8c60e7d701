"""report.html: the whole story of a training on one page, with all pictures inside; readable on a phone."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from edgevision import html, runs
from edgevision.data import Frame
from edgevision.html import Html
from edgevision.pictures import encode_jpeg

from ..plots import Tile
from .history import overfitting
from .sheets import worst_tiles

if TYPE_CHECKING:
    from edgevision.evaluate import Evaluation

    from .training import TrainResult

MAX_CLASSES = 60
"""Rows of the table of classes; of more, those with the lowest F1."""


def page(result: TrainResult) -> str:
    """The HTML text."""
    title = f"{result.plan.choice.backbone} - edgevision train"
    return html.page(title, [_headline(result), _findings(result), *_pictures(result), _details(result)])


def _pictures(result: TrainResult) -> list[Html]:
    matrix = "Rows: what it is. Columns: what the model says."
    samples = "Left as they are, then as they were learnt from."
    return [
        _classes(result.evaluation),
        _picture(result.folder / "curves.png", "Learning", "Loss and accuracy of each epoch."),
        _picture(result.folder / "confusion.png", "Confusion", matrix, _few(result)),
        _worst(result),
        _picture(result.folder / "samples.png", "Training pictures", samples),
    ]


def _headline(result: TrainResult) -> Html:
    network = html.paragraph(f"{result.plan.choice.describe()}, {result.origin}", "sub")
    return html.header("edgevision train", _names(result.learning.goal.classes), network, _score(result.evaluation))


def _score(evaluation: Evaluation | None) -> Html:
    if evaluation is None:
        return html.join([html.score("not tested"), html.paragraph("there were no pictures left to test with", "sub")])
    one = evaluation.verdict.judgement.accuracy
    said = (
        f"of {one.total} test pictures right, none of them seen in training; "
        f"95 % interval {100 * one.low:.1f} to {100 * one.high:.1f} %"
    )
    number = html.score(f"{100 * one.value:.1f}", "%")
    return html.join([number, html.paragraph(said, "sub"), html.interval(one.value, one.low, one.high), html.scale()])


def _findings(result: TrainResult) -> Html:
    """What a person should know before trusting the model."""
    lines: list[tuple[str, str]] = []
    seen = overfitting(result.history, len(result.learning.val), result.kept)
    if seen is not None:
        lines.append(("warn" if seen.found else "good", seen.describe()))
    if result.evaluation is not None:
        judged = result.evaluation.verdict.judgement
        if judged.accuracy.high - judged.accuracy.low > 0.1:
            lines.append(("warn", "Few test pictures: the score is only a rough one. More pictures make it sharper."))
        found = judged.threshold
        if found.suggested is not None and found.precision is not None and found.recall is not None:
            lines.append(
                (
                    "info",
                    f"Below a score of {found.suggested:.2f} the model had better say nothing: then {_share(found.precision)} of "
                    f"its answers are right, and {_share(found.recall)} of all pictures get a right one.",
                )
            )
    lines += [("warn", line) for line in result.learning.warnings]
    return html.section("Worth knowing", html.findings(lines)) if lines else html.NOTHING


def _classes(evaluation: Evaluation | None) -> Html:
    if evaluation is None:
        return html.NOTHING
    judged = evaluation.verdict.judgement
    one = judged.per_class
    order = list(range(len(one.support)))
    title = "Classes"
    if len(order) > MAX_CLASSES:
        order = sorted(order, key=lambda i: 2.0 if math.isnan(one.f1[i]) else float(one.f1[i]))[:MAX_CLASSES]
        title = f"The {MAX_CLASSES} weakest of {len(one.support)} classes"
    rows = [
        [judged.name(i), str(int(one.support[i])), *(_share(float(m[i])) for m in (one.precision, one.recall, one.f1))]
        for i in order
    ]
    head = ["class", "pictures", "precision", "recall", "F1"]
    note = "Precision: of its answers, how many are right. Recall: of the pictures, how many it finds."
    return html.section(title, html.table(head, rows), note=note)


def _worst(result: TrainResult) -> Html:
    """The most confidently wrong test pictures, as tiles that flow with the width of the page."""
    if result.evaluation is None:
        return html.NOTHING
    tiles = worst_tiles(result.evaluation, result.plan.choice.rule(result.settings.resize))
    if not tiles:
        return html.section("Mistakes", note="None on the test pictures.")
    note = "Test pictures, the surest mistakes first, as the network saw them. One that lies in the wrong folder shows up here."
    return html.section("Most confidently wrong", html.tiles(_tile(path, tile) for path, tile in tiles), note=note)


def _tile(path: str, tile: Tile) -> Html:
    picture = html.image(encode_jpeg(Frame(tile.pixels, "RGB"), 85), "jpeg", path)
    return html.tile(picture, [html.text(line) for line in tile.caption.split("\n")], path)


def _details(result: TrainResult) -> Html:
    plan, learning = result.plan, result.learning
    counts = ", ".join(f"{n} {name}" for name, n in learning.counts().items())
    rows = [
        ["network", plan.choice.describe()],
        ["first weights", result.origin],
        ["answer", learning.goal.describe()],
        ["pictures", counts],
        ["left out", f"{len(learning.skipped)} files"],
        ["input", plan.choice.rule(result.settings.resize).describe()],
        *([phase, text] for phase, text in _phases(result)),
        ["kept", f"the weights of epoch {result.kept} of {len(result.history)}"],
        ["scores", _scores(result)],
        ["seed", str(plan.seed)],
        ["versions", ", ".join(f"{name} {version}" for name, version in runs.versions().items())],
    ]
    files = "config.toml repeats this training; split.csv says which picture was in which part; history.csv has every epoch."
    return html.section("How it was made", html.table(["", ""], rows, plain=True), html.paragraph(files))


def _scores(result: TrainResult) -> str:
    if result.temperature is None:
        return "as learnt: too few validation pictures to calibrate with"
    return f"calibrated on the validation pictures (temperature {result.temperature:.2f})"


def _phases(result: TrainResult) -> list[tuple[str, str]]:
    found = []
    for name in dict.fromkeys(row.phase for row in result.history):
        rows = [row for row in result.history if row.phase == name]
        seconds = sum(row.seconds for row in rows)
        found.append((name, f"{len(rows)} epochs, {seconds:.0f} s; {rows[0].applied}"))
    return found


def _few(result: TrainResult) -> bool:
    """Whether a confusion matrix would look silly over the whole width."""
    return len(result.learning.goal.classes) <= 4


def _picture(path: Path, title: str, note: str, small: bool = False) -> Html:
    if not path.exists():
        return html.NOTHING
    return html.section(title, html.image(path.read_bytes(), "png", title), note=note, kind="small" if small else "")


def _share(value: float) -> str:
    return "-" if math.isnan(value) else html.percent(value)


def _names(classes: Sequence[str]) -> str:
    if len(classes) > 4:
        return f"{len(classes)} classes: {', '.join(classes[:3])} ..."
    return " or ".join(classes) if len(classes) == 2 else ", ".join(classes)
