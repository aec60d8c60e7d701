"""report.html: a training on one self-contained page, with all images embedded; readable on a phone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from edgevision.evaluation.page import classes_section, headline
from edgevision.evaluation.records import CROSS_VALIDATION
from edgevision.files import run_folder
from edgevision.preprocessing.decode import encode_jpeg
from edgevision.reporting import html
from edgevision.reporting.html import Html
from edgevision.types import Frame

from ..continuation.html import proposal_section
from ..fit.tried import columns
from ..monitor.history import overfitting
from .contact_sheets import worst_tiles
from .plots import Tile

if TYPE_CHECKING:
    from edgevision.evaluation.evaluate import Evaluation

    from .result import TrainResult
    from .unknown_threshold import ChosenThreshold


def page(result: TrainResult) -> str:
    """Return the HTML text."""
    title = f"{result.plan.choice.backbone} - edgevision train"
    return html.page(
        title,
        [_headline(result), _proposal(result), _findings(result), *_pictures(result), _tried(result), _details(result)],
    )


def _pictures(result: TrainResult) -> list[Html]:
    matrix = "Rows: true class. Columns: predicted class."
    samples = "Left: the original image; right: augmented versions used in training."
    return [
        html.NOTHING if result.evaluation is None else classes_section(result.evaluation.metrics),
        picture_section(result.folder / "curves.png", "Learning curves", "Loss and accuracy of each epoch.", plot=True),
        picture_section(result.folder / "confusion.png", "Confusion matrix", matrix, _few(result), plot=True),
        _more_photos(result),
        _none_of_these(result),
        _worst(result),
        picture_section(result.folder / "samples.png", "Training images", samples),
    ]


def _more_photos(result: TrainResult) -> Html:
    """Return the section on what more photos would bring; nothing if it was not measured."""
    if result.curve is None:
        return html.NOTHING
    which = "the model" if result.linear is not None else "a linear head on the network before fine-tuning"
    note = (
        f"Accuracy of {which}: {result.curve.describe()}. Measured by cross-validation on parts of the "
        f"{result.curve.photos} photos that it learns from; extrapolated by an inverse power law, with 95 % intervals."
    )
    return picture_section(result.folder / "learning_curve.png", "What more photos would bring", note, plot=True)


def _none_of_these(result: TrainResult) -> Html:
    """Return the section on negatives; nothing without any."""
    told = None if result.threshold is None else result.threshold.rejection
    if told is None:
        return html.NOTHING
    note = (
        f"Best scores of photos of the classes and of negatives ({told.source}); those below the threshold are unknown. A photo "
        f"scores higher than a negative in {100 * told.auroc:.1f} % of pairs (AUROC). No negative shown here chose the threshold."
    )
    return picture_section(result.folder / "negatives.png", "None of these", note, plot=True)


def _headline(result: TrainResult) -> Html:
    network = html.paragraph(f"{result.plan.choice.describe()}, {result.origin}", "sub")
    return html.header("edgevision train", _names(result.learning.goal.classes), network, _score(result.evaluation))


def _proposal(result: TrainResult) -> Html:
    return html.NOTHING if result.proposal is None else proposal_section(result.proposal)


def _score(evaluation: Evaluation | None) -> Html:
    if evaluation is None:
        return html.join([html.score("not tested"), html.paragraph("no test images were available", "sub")])
    if evaluation.pictures.split == CROSS_VALIDATION:
        return headline(evaluation, "photos", "cross-validated: each scored by a head fitted without it")
    return headline(evaluation, "test images", "none of them used in training")


def _findings(result: TrainResult) -> Html:
    """Return the section with warnings and hints for using the model."""
    lines: list[tuple[str, str]] = []
    seen = overfitting(result.history, len(result.learning.val), result.kept)
    if seen is not None:
        kind = "warn" if seen.found else "good" if seen.is_certain else "info"
        lines.append((kind, seen.describe(result.remedies)))
    if result.evaluation is not None:
        judged = result.evaluation.metrics
        if judged.accuracy.high - judged.accuracy.low > 0.1:
            images = "photos" if result.evaluation.pictures.split == CROSS_VALIDATION else "test images"
            said = f"Few {images}: the accuracy is only a rough estimate. More images make it precise."
            lines.append(("warn", said))
    lines.append(_unknown(result.threshold))
    lines += [("warn", line) for line in result.learning.warnings]
    return html.section("Worth knowing", html.findings(lines)) if lines else html.NOTHING


def _unknown(threshold: ChosenThreshold | None) -> tuple[str, str]:
    """Return the finding on when the model answers "unknown"."""
    advice = "To reject other things, add images of them in a folder _background."
    if threshold is None:
        return "warn", f"The model never answers unknown: there are too few images to choose a threshold. {advice}"
    said = threshold.describe()
    return "info", f"{said[:1].upper()}{said[1:]}. {advice}"


def _worst(result: TrainResult) -> Html:
    """Return the section with the most confidently wrong test images."""
    if result.evaluation is None:
        return html.NOTHING
    tiles = worst_tiles(result.evaluation, result.plan.choice.preprocessing(result.settings.resize_or("crop")))
    if not tiles:
        return html.section("Mistakes", note="None.")
    images = "Photos" if result.evaluation.pictures.split == CROSS_VALIDATION else "Test images"
    note = f"{images} as the network saw them, the most confident mistakes first. Mislabeled images show up here."
    return html.section("Most confidently wrong", html.tiles(_tile(path, tile) for path, tile in tiles), note=note)


def _tile(path: str, tile: Tile) -> Html:
    picture = html.image(encode_jpeg(Frame(tile.pixels, "RGB"), 85), "jpeg", path)
    return html.tile(picture, [html.text(line) for line in tile.caption.split("\n")], path)


def _details(result: TrainResult) -> Html:
    plan, learning = result.plan, result.learning
    counts = ", ".join(f"{n} {name}" for name, n in learning.counts().items())
    rows = [
        ["network", plan.choice.describe()],
        ["initial weights", result.origin],
        ["output", learning.goal.describe()],
        ["images", counts],
        ["skipped", f"{len(learning.skipped)} files"],
        ["input", plan.choice.preprocessing(result.settings.resize_or("crop")).describe()],
        *_training(result),
        ["scores", _scores(result)],
        ["seed", str(plan.seed)],
        ["versions", ", ".join(f"{name} {version}" for name, version in run_folder.versions().items())],
    ]
    files = (
        "config.toml repeats this training; split.csv lists the images of each split; history.csv lists every epoch."
    )
    return html.section("How it was made", html.table(["", ""], rows, plain=True), html.paragraph(files))


def _tried(result: TrainResult) -> Html:
    """Return the section with the settings that were tried."""
    if not result.tried:
        return html.NOTHING
    note = (
        "Settings of the fine-tuning, compared by the calibrated loss of the validation images; most are stopped early."
    )
    names = [name.replace("_", " ") for name in columns()]
    return html.section("What was tried", html.table(names, [row.cells() for row in result.tried]), note=note)


def _training(result: TrainResult) -> list[list[str]]:
    """Return the rows on how the weights were found."""
    if result.linear is not None:
        return [["training", result.linear.describe()]]
    kept = ["weights kept", f"epoch {result.kept} of {len(result.history)}"]
    return [*([phase, text] for phase, text in _phases(result)), kept]


def _scores(result: TrainResult) -> str:
    images = "validation images" if result.linear is None else "cross-validated photos"
    if result.temperature is None:
        return f"not calibrated: too few {images}"
    return f"calibrated on the {images} (temperature {result.temperature:.2f})"


def _phases(result: TrainResult) -> list[tuple[str, str]]:
    found = []
    for name in dict.fromkeys(row.phase for row in result.history):
        rows = [row for row in result.history if row.phase == name]
        seconds = sum(row.seconds for row in rows)
        found.append((name, f"{len(rows)} epochs, {seconds:.0f} s; {rows[0].applied}"))
    return found


def _few(result: TrainResult) -> bool:
    """Return True if the confusion matrix is too small for the full page width."""
    return len(result.learning.goal.classes) <= 4


def picture_section(path: Path, title: str, note: str, small: bool = False, plot: bool = False) -> Html:
    """Return the section with one of the images that were written just before; nothing if it was not."""
    if not path.exists():
        return html.NOTHING
    return html.section(
        title, html.image(path.read_bytes(), "png", title, plot), note=note, kind="small" if small else ""
    )


def _names(classes: Sequence[str]) -> str:
    if len(classes) > 4:
        return f"{len(classes)} classes: {', '.join(classes[:3])} ..."
    return " or ".join(classes) if len(classes) == 2 else ", ".join(classes)
