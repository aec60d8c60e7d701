"""HTML page of the evaluation of a model that finds objects, evaluate.html, with its errors as images."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from ...errors import EdgeVisionError
from ...files.run_folder import versions
from ...preprocessing.decode import encode_jpeg
from ...reporting import charts, html
from ...reporting.html import Html
from . import tables
from .average_precision import RECALL_POINTS
from .error_images import draw
from .errors import DetectionError, Kind
from .formatting import with_interval
from .measures import DetectorMeasures

if TYPE_CHECKING:
    from ...datasets.boxes.records import AnnotatedImage
    from .evaluation import ObjectEvaluation
    from .object_measures import ObjectMeasures

MAX_CLASSES = 60
"""Maximum rows of the class table; with more classes, the worst are shown."""
MAX_CURVES = len(charts.COLORS)
MAX_TILES = 12
"""Maximum number of images of each kind of error."""
FEW_OBJECTS = 30
"""Number of objects below which a large figure would pretend a precision it does not have."""
JPEG_QUALITY = 85
SECTIONS: tuple[tuple[Kind, str, str], ...] = (
    (
        "missed",
        "Missed",
        "Objects without a prediction, the largest first.",
    ),
    (
        "background",
        "Invented",
        "Predictions where no object is labeled, the most confident first. Look for missing labels.",
    ),
    ("localisation", "Badly placed", "The right class, but the box overlaps the object by less than half."),
    ("confused", "Confused", "An object of another class is at this place. Look for wrong labels."),
)


def page(done: ObjectEvaluation) -> str:
    """Return the HTML text: one self-contained file."""
    facts = done.subject.facts
    parts = [
        html.header("edgevision evaluate", facts.path, html.paragraph(_images(done), "sub"), headline(done)),
        _notes(done),
        _comparison(done),
        classes_section(done.measures),
        curves_section(done.measures),
        error_counts_section(done.measures),
        *error_sections(done.measures, done.images),
        _details(done),
    ]
    return html.page(f"{facts.path} - edgevision evaluate", parts)


def headline(done: ObjectEvaluation) -> Html:
    """Return the main result: a large number only if there are enough objects in images the model was not trained on."""
    (name, one), *others = done.measures.scores()
    known, objects = done.trained_on, done.measures.metrics.objects
    if one.value is None or one.low is None or one.high is None:
        return html.paragraph("No object of these images is of a class that is measured.", "sub")
    interval = f"95 % confidence interval {100 * one.low:.1f} to {100 * one.high:.1f} %"
    if known is not None and not known.counted_apart:
        text = f"{name} {100 * one.value:.1f} %, but on {known.describe()}: that says little about new images."
        return html.join([html.score("not tested"), html.paragraph(text, "sub")])
    apart = ", none of them used in training" if known is not None else ""
    said = f"of {objects} objects in {len(done.images)} images{apart}; {interval}"
    further = [f"{also} {with_interval(value)}" for also, value in others]
    further += [counted] if (counted := done.measures.counting()) else []
    below = html.paragraph(f"{'; '.join(further)}.", "sub")
    if objects < FEW_OBJECTS:
        return html.join([html.paragraph(f"{name} {100 * one.value:.0f} % {said}", "sub"), below])
    number = html.score(f"{100 * one.value:.1f}", f"% {name}")
    bar = html.interval(one.value, one.low, one.high)
    return html.join([number, html.paragraph(said, "sub"), bar, html.scale(), below])


def classes_section(measures: ObjectMeasures) -> Html:
    """Return the section with the measures of each class."""
    found = measures.class_table(MAX_CLASSES)
    title = "Classes" if found.total <= MAX_CLASSES else f"The {MAX_CLASSES} worst of {found.total} classes"
    return html.section(title, html.table(found.head, found.rows), note=found.note)


def curves_section(measures: ObjectMeasures) -> Html:
    """Return the section with the precision-recall curves of a detector of boxes, those of the classes with most objects."""
    if not isinstance(measures, DetectorMeasures):
        return html.NOTHING
    found = sorted((one for one in measures.metrics.per_class if one.objects), key=lambda one: -one.objects)
    if not found:
        return html.NOTHING
    curves = [
        charts.Curve(one.name, list(zip(RECALL_POINTS.tolist(), one.curve.tolist(), strict=True)), color)
        for color, one in enumerate(found[:MAX_CURVES])
    ]
    many = f" The {MAX_CURVES} classes with most objects." if len(found) > MAX_CURVES else ""
    note = f"Precision at each recall, at half overlap: the lower the threshold, the further to the right.{many}"
    return html.section("Precision and recall", charts.plot(curves, "recall", "precision"), note=note)


def error_counts_section(measures: ObjectMeasures) -> Html:
    """Return the section that counts the errors by their cause."""
    words = measures.words
    counts = {tables.KIND_NAMES[kind]: str(len(measures.errors.of(kind))) for kind in words.kinds}
    rows = [["correct", str(measures.errors.correct)], *([name, count] for name, count in counts.items())]
    note = f"At the threshold {measures.errors.threshold:.2f}, by cause (TIDE, arXiv:2008.08115): {words.rule}."
    return html.section("Errors", html.table(["", words.unit], rows), note=note)


def error_sections(measures: ObjectMeasures, images: Sequence[AnnotatedImage]) -> Iterator[Html]:
    """Yield a section with images for each kind of error that occurs."""
    for kind, title, note in SECTIONS:
        errors = measures.errors.of(kind)
        if errors:
            names = [one.name for one in measures.metrics.per_class]
            tiles = [_tile(images[one.image], one, names) for one in errors[:MAX_TILES]]
            count = f"{title}: {len(errors)}" if len(errors) <= MAX_TILES else f"{title}: {MAX_TILES} of {len(errors)}"
            yield html.section(count, html.tiles(tiles), note=f"{note} Dashed green: the label. Red: the prediction.")


def _tile(image: AnnotatedImage, error: DetectionError, names: Sequence[str]) -> Html:
    lines = []
    if error.true is not None:
        lines.append(html.text(names[error.true]))
    if error.predicted is not None and error.score is not None:
        lines.append(html.text(f"predicted {names[error.predicted]} {100 * error.score:.0f} %"))
    try:
        shown = draw(image.read(), error)
    except EdgeVisionError as problem:  # the image was read a moment ago; without it, the page is still worth writing
        return html.tile(html.paragraph(str(problem)), lines, image.path)
    return html.tile(html.image(encode_jpeg(shown, JPEG_QUALITY), "jpeg", image.path), lines, image.path)


def _images(done: ObjectEvaluation) -> str:
    part = "" if done.pictures.split == "all" else f", {done.pictures.split} part"
    data, model = done.pictures.data, done.subject.facts
    return f"{data.path}{part} ({data.format}); {model.kind}, {model.mode}, {model.bytes / 1e6:.1f} MB"


def _notes(done: ObjectEvaluation) -> Html:
    lines = [("warn" if note.startswith("only ") else "info", f"{note[:1].upper()}{note[1:]}.") for note in done.notes]
    suggested = tables.suggested(done.measures)
    fresh = done.trained_on is None or done.trained_on.counted_apart
    if suggested and fresh:
        lines.append(("info", f"Suggested threshold: {suggested}."))
    if used := tables.at_threshold(done.measures):
        lines.append(("info", f"Threshold in use: {used}."))
    if found := tables.alarms(done):
        lines.append(("info", f"{found[:1].upper()}{found[1:]}."))
    return html.section("Worth knowing", html.findings(lines)) if lines else html.NOTHING


def _comparison(done: ObjectEvaluation) -> Html:
    if done.comparison is None or done.other is None or done.other_measures is None:
        return html.NOTHING
    rows = [
        ["other model", done.other.facts.path],
        *([f"its {name}", with_interval(value)] for name, value in done.other_measures.scores()),
        *([name, value] for name, value in done.comparison.changes()),
    ]
    return html.section(
        "Compared with another model", html.table(["", ""], rows, plain=True), note=done.comparison.note
    )


def _details(done: ObjectEvaluation) -> Html:
    facts = done.subject.facts
    rows = [[name, value] for name, value in tables.facts(done, facts, done.measures).items()]
    rows += [
        ["preprocessing", done.subject.detector.card.preprocessing.describe()],
        ["sha256", facts.sha256],
        ["images' fingerprint", done.fingerprint],
        ["time", f"{done.seconds:.1f} s"],
        ["versions", ", ".join(f"{name} {version}" for name, version in versions().items())],
    ]
    return html.section("All measures", html.table(["", ""], rows, plain=True))
