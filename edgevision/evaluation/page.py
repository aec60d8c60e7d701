"""HTML page of an evaluation, evaluate.html, and the sections that it shares with the page of a training."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from ..errors import EdgeVisionError
from ..files.run_folder import versions
from ..preprocessing.decode import encode_jpeg
from ..preprocessing.spec import Preprocessing
from ..preprocessing.transform import pixels
from ..reporting import html
from ..reporting.html import Html
from ..types import Frame
from . import tables
from .intervals import is_rough

if TYPE_CHECKING:
    from ..datasets.dataset import Item
    from .evaluate import Evaluation
    from .measures import ClassificationMetrics, Misclassification

MAX_CLASSES = 60
"""Maximum rows of the class table; with more classes, those with the lowest F1 are shown."""
MAX_TILES = 16
"""Maximum number of wrong images."""
TILE_SIDE = 200
"""Side in pixels at which a wrong image is shown, whatever the input size of the model."""
JPEG_QUALITY = 85


def page(done: Evaluation) -> str:
    """Return the HTML text: one self-contained file."""
    facts = done.result.subject.facts
    title = f"{facts.path} - edgevision evaluate"
    parts = [
        html.header("edgevision evaluate", facts.path, html.paragraph(_images(done), "sub"), headline(done)),
        _notes(done),
        _comparison(done),
        classes_section(done.metrics),
        _confusion(done.metrics),
        worst_section(done),
        _details(done),
    ]
    return html.page(title, parts)


def headline(done: Evaluation, images: str = "images", origin: str = "") -> Html:
    """Return the main result: a large number only if there are enough images that the model was not trained on.

    ``images``: what they are called; ``origin``: what is known of them, if not by ``trained_on``.
    """
    one, known = done.metrics.accuracy, done.trained_on
    right = "with all labels correct" if done.metrics.multilabel else "correct"
    interval = f"95 % confidence interval {100 * one.low:.1f} to {100 * one.high:.1f} %"
    if known is not None and not known.counted_apart:
        text = f"{one.count} of {one.total} {right}, but on {known.describe()}: that says little about new images."
        return html.join([html.score("not tested"), html.paragraph(text, "sub")])
    origin = "none of them used in training" if known is not None else origin
    said = f"of {one.total} {images} {right}" + (f", {origin}" if origin else "")
    below = html.paragraph(tables.baseline_text(done), "sub")
    if is_rough(one):
        return html.join([html.paragraph(f"{one.count} {said}; {interval}", "sub"), below])
    number, bar = html.score(f"{100 * one.value:.1f}", "%"), html.interval(one.value, one.low, one.high)
    return html.join([number, html.paragraph(f"{said}; {interval}", "sub"), bar, html.scale(), below])


def classes_section(judged: ClassificationMetrics) -> Html:
    """Return the section with precision, recall and F1 of each class."""
    one = judged.per_class
    order = list(range(len(one.support)))
    title = "Classes"
    if len(order) > MAX_CLASSES:
        order = sorted(order, key=lambda i: 2.0 if math.isnan(one.f1[i]) else float(one.f1[i]))[:MAX_CLASSES]
        title = f"The {MAX_CLASSES} worst of {len(one.support)} classes"
    rows = [
        [judged.name(i), str(int(one.support[i])), *(_share(float(m[i])) for m in (one.precision, one.recall, one.f1))]
        for i in order
    ]
    head = ["class", "images", "precision", "recall", "F1"]
    note = (
        "Precision: share of the predictions of a class that are correct. Recall: share of its images that are found."
    )
    return html.section(title, html.table(head, rows), note=note)


def worst_section(done: Evaluation) -> Html:
    """Return the section with the most confidently wrong images."""
    tiles = list(_tiles(done))
    if not tiles:
        return html.section("Mistakes", note="None.")
    note = "As the model saw them, the most confident mistakes first. Mislabeled images show up here."
    return html.section("Most confidently wrong", html.tiles(tiles), note=note)


def _tiles(done: Evaluation) -> Iterator[Html]:
    preprocessing = replace(done.result.subject.scorer.card.preprocessing, width=TILE_SIDE, height=TILE_SIDE)
    for wrong in done.metrics.worst[:MAX_TILES]:
        item = done.items[wrong.index]
        yield _tile(item, wrong, preprocessing)


def _tile(item: Item, wrong: Misclassification, preprocessing: Preprocessing) -> Html:
    lines = [html.text(wrong.true or "no label"), html.text(f"predicted {wrong.predicted} {100 * wrong.score:.0f} %")]
    try:
        shown = pixels(item.read(), preprocessing)
    except EdgeVisionError as error:  # the image was read a moment ago; without it, the page is still worth writing
        return html.tile(html.paragraph(str(error)), lines, item.path)
    order = "GRAY" if shown.shape[2] == 1 else preprocessing.order
    frame = Frame(shown[:, :, 0] if order == "GRAY" else shown, order)
    return html.tile(html.image(encode_jpeg(frame, JPEG_QUALITY), "jpeg", item.path), lines, item.path)


def _images(done: Evaluation) -> str:
    part = "" if done.pictures.split == "all" else f", {done.pictures.split} part"
    model = done.result.subject.facts
    return f"{done.pictures.path}{part}; {model.kind}, {model.mode}, {model.bytes / 1e6:.1f} MB"


def _notes(done: Evaluation) -> Html:
    found = done.metrics.threshold
    lines = [("warn" if note.startswith(("only ", "no better")) else "info", _sentence(note)) for note in done.notes]
    if found.suggested is not None and found.precision:
        effect = (
            f"{_share(found.precision)} of the answers are correct, and {_share(found.recall)} of the images get one"
        )
        lines.append(("info", f"Suggested threshold: {found.suggested:.2f}. Above it, {effect}."))
    alarms = done.metrics.false_alarms
    if alarms is not None:
        said = f"{alarms.rate.count} of {alarms.rate.total} negatives get an answer at the threshold {alarms.threshold:.2f}."
        lines.append(("info", said))
    return html.section("Worth knowing", html.findings(lines)) if lines else html.NOTHING


def _comparison(done: Evaluation) -> Html:
    if done.comparison is None or done.other is None:
        return html.NOTHING
    other, change = done.other, done.comparison.change
    rows = [
        ["other model", other.subject.facts.path],
        ["its accuracy", tables.percent(other.metrics.accuracy)],
        ["change", f"{100 * change.value:+.1f} points (95 % CI {100 * change.low:+.1f} to {100 * change.high:+.1f})"],
        ["same answer", tables.percent(done.comparison.agreement)],
    ]
    return html.section("Compared with another model", html.table(["", ""], rows, plain=True))


def _confusion(judged: ClassificationMetrics) -> Html:
    if judged.multilabel or len(judged.confusion) > tables.CONFUSION_CLASSES:
        return html.NOTHING
    names = [judged.name(index) for index in range(len(judged.confusion))]
    rows = [[name, *(str(n) if n else "." for n in row)] for name, row in zip(names, judged.confusion, strict=True)]
    return html.section(
        "Confusion matrix", html.table(["", *names], rows), note="Rows: true class. Columns: predicted."
    )


def _details(done: Evaluation) -> Html:
    facts = done.result.subject.facts
    rows = [[name, value] for name, value in tables.facts(done.result, done).items()]
    rows += [
        ["preprocessing", done.result.subject.scorer.card.preprocessing.describe()],
        ["sha256", facts.sha256],
        ["images' fingerprint", done.fingerprint],
        ["time", f"{done.seconds:.1f} s"],
        ["versions", ", ".join(f"{name} {version}" for name, version in versions().items())],
    ]
    return html.section("All measures", html.table(["", ""], rows, plain=True))


def _sentence(note: str) -> str:
    return note[:1].upper() + note[1:] + "."


def _share(value: float | None) -> str:
    return "-" if value is None or math.isnan(value) else html.percent(value)
