"""Records of labeling: what is known of an image, and the entries of the log."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal, NamedTuple

from edgevision.datasets.boxes.names import class_name
from edgevision.errors import BadInput
from edgevision.files import strict_json

SCHEMA = "edgevision.label_log/1"
DISCARDED = ".discarded"
"""Folder of discarded images; train and data check do not look into hidden folders, and undo brings the images back."""
Action = Literal["label", "boxes", "discard", "skip", "undo", "import"]
"""``import``: boxes carried over from annotations of another format, when the folder was opened."""
ACTIONS = ("label", "boxes", "discard", "skip", "undo", "import")
Box = tuple[float, float, float, float]
"""Corners x0, y0, x1, y1 in pixels of the upright image."""
MAX_TEXT = 4096
MAX_BOXES = 2000
"""Most boxes of one image."""
MAX_CHANGES = 100_000
MAX_PIXEL = 1e6


class MarkedBox(NamedTuple):
    """An object marked in an image."""

    label: str
    """Name of the class."""
    box: Box
    """Where the object is."""
    difficult: bool = False
    """Whether finding it counts neither for nor against a detector."""

    def to_json(self) -> dict[str, Any]:
        """Return the box as JSON; corners are rounded to hundredths of a pixel."""
        return {"label": self.label, "box": [round(edge, 2) for edge in self.box], "difficult": self.difficult}


class State(NamedTuple):
    """What the folder says of one image."""

    path: str
    """Path below the folder, with forward slashes; below DISCARDED for a discarded image."""
    label: str | None = None
    """Name of its class folder; None: unlabeled, or the images have boxes instead."""
    boxes: tuple[MarkedBox, ...] | None = None
    """Its boxes, empty for background; None: not annotated, or the images have classes instead."""

    @property
    def is_discarded(self) -> bool:
        """Whether the image is in the folder of discarded ones."""
        return self.path.startswith(f"{DISCARDED}/")

    def to_json(self) -> dict[str, Any]:
        """Return the state as JSON."""
        boxes = None if self.boxes is None else [one.to_json() for one in self.boxes]
        return {"path": self.path, "label": self.label, "boxes": boxes}


class Change(NamedTuple):
    """One image before and after an answer."""

    before: State
    after: State


class Guess(NamedTuple):
    """What a model says of an image as a whole."""

    label: str
    score: float
    """0..1."""
    model_sha256: str


class Entry(NamedTuple):
    """One line of the log: an answer, with all the images that it concerns."""

    number: int
    """Counts from 1."""
    time: str
    """When it was given: RFC 3339, UTC."""
    action: Action
    changes: tuple[Change, ...]
    undoes: int | None = None
    """Number of the entry that this one undoes."""
    guess: Guess | None = None
    """What the page proposed."""

    def to_json(self) -> dict[str, Any]:
        """Return the document ``edgevision.label_log/1``."""
        changes = [{"from": one.before.to_json(), "to": one.after.to_json()} for one in self.changes]
        head = {"schema": SCHEMA, "number": self.number, "time": self.time, "action": self.action}
        guess = None if self.guess is None else self.guess._asdict()
        return {**head, "undoes": self.undoes, "guess": guess, "changes": changes}


def parse_entry(value: Any) -> Entry:
    """Return the entry of a line of the log. Raises ValueError, KeyError."""
    fields = strict_json.fields(value, "the line")
    if fields["schema"] != SCHEMA:
        raise ValueError(f"expected {SCHEMA}, got {strict_json.short(fields['schema'])}")
    if fields["action"] not in ACTIONS:
        raise ValueError(f"unknown action {strict_json.short(fields['action'])}")
    undoes = fields["undoes"]
    return Entry(
        strict_json.whole(fields["number"], "number", 1, 2**53),
        strict_json.text(fields["time"], "time", 40),
        fields["action"],
        tuple(_change(one) for one in strict_json.items(fields["changes"], "changes", MAX_CHANGES)),
        None if undoes is None else strict_json.whole(undoes, "undoes", 1, 2**53),
        _guess(fields["guess"]),
    )


def marked_boxes(value: Any, width: float = MAX_PIXEL, height: float = MAX_PIXEL) -> tuple[MarkedBox, ...]:
    """Return the boxes of a JSON list, cut off at the edges of an image of this size. Raises BadInput."""
    try:
        return tuple(_box(one, width, height) for one in strict_json.items(value, "boxes", MAX_BOXES))
    except KeyError as error:
        raise BadInput(f"invalid box: {error} is missing") from None
    except ValueError as error:
        raise BadInput(f"invalid box: {error}") from None


def counted(entries: Iterable[State]) -> dict[str, int]:
    """Return the number of images, or of boxes, of each class, sorted by name; discarded images do not count."""
    found: dict[str, int] = {}
    for one in entries:
        if one.is_discarded:
            continue
        names = [one.label] if one.label is not None else [box.label for box in one.boxes or ()]
        for name in names:
            found[name] = found.get(name, 0) + 1
    return dict(sorted(found.items()))


def _change(value: Any) -> Change:
    fields = strict_json.fields(value, "changes")
    return Change(_state(fields["from"]), _state(fields["to"]))


def _state(value: Any) -> State:
    fields = strict_json.fields(value, "changes")
    path = strict_json.text(fields["path"], "path", MAX_TEXT)
    if not path or path.startswith("/") or "\0" in path or ".." in path.split("/"):
        raise ValueError(f"the path {strict_json.short(path)} leads out of the folder")
    label, boxes = fields["label"], fields["boxes"]
    return State(
        path,
        None if label is None else strict_json.text(label, "label", MAX_TEXT),
        None if boxes is None else marked_boxes(boxes),
    )


def _box(value: Any, width: float, height: float) -> MarkedBox:
    fields = strict_json.fields(value, "a box")
    corners = strict_json.items(fields["box"], "box", 4)
    if len(corners) != 4:
        raise ValueError(f"expected four corners, got {len(corners)}")
    x0, y0, x1, y1 = (round(strict_json.real(one, "a corner", -MAX_PIXEL, MAX_PIXEL), 2) for one in corners)
    box = max(0.0, x0), max(0.0, y0), min(width, x1), min(height, y1)
    if box[2] <= box[0] or box[3] <= box[1]:
        raise ValueError(f"{[x0, y0, x1, y1]} is not inside the image, or has no width or height")
    difficult = fields.get("difficult", False)
    if not isinstance(difficult, bool):
        raise ValueError("difficult must be true or false")
    return MarkedBox(class_name(fields["label"], "label"), box, difficult)


def _guess(value: Any) -> Guess | None:
    if value is None:
        return None
    fields = strict_json.fields(value, "guess")
    return Guess(
        strict_json.text(fields["label"], "label", MAX_TEXT),
        strict_json.real(fields["score"], "score", 0, 1),
        strict_json.text(fields["model_sha256"], "model_sha256", 64),
    )
