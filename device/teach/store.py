"""Classes taught to one model: names and the vectors of their frames, as one JSON file."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from edgevision.errors import BadInput
from edgevision.files import strict_json
from edgevision.files.atomic import write_text
from edgevision.files.run_folder import dump
from edgevision.input_file import read_file
from edgevision.model_file.card import MAX_EMBEDDING
from edgevision.postprocessing.feature_vector import unit
from edgevision.postprocessing.imprinting import Imprints, TaughtClass

if TYPE_CHECKING:
    from edgevision.postprocessing.feature_vector import Vectors

SCHEMA = "edgevision.taught/1"
MAX_BYTES = 64 * 2**20
MAX_CLASSES = 1000
MAX_FRAMES = 200
"""Maximum frames of a class, and of the background: the newest are kept."""
MAX_NAME = 100
_STORED = np.dtype("<f2")
"""Half precision: it changes cosines by less than 0.001."""


@dataclass(frozen=True, slots=True, eq=False)
class Overlay:
    """Taught classes of one model."""

    model_sha256: str
    """SHA-256 of the whole model file."""
    size: int
    """Number of values in a vector."""
    classes: tuple[TaughtClass, ...] = ()
    background: Vectors | None = None
    """Vectors of frames that show none of the classes, (n, size), of length 1."""
    next_number: int = 0
    """Number of the next class; numbers are never reused, so indices keep their meaning after a class is forgotten."""

    @property
    def names(self) -> tuple[str, ...]:
        """Names in the order in which they were taught."""
        return tuple(one.name for one in self.classes)

    def teach(self, name: str, vectors: Vectors, anew: bool = False) -> Overlay:
        """Return a copy with frames (n, size) added to a class; ``anew``: replace its frames. Raises BadInput."""
        known = next((one for one in self.classes if one.name == name), None)
        if known is None:
            if len(self.classes) >= MAX_CLASSES:
                raise BadInput(
                    f"cannot add a class: there are already {MAX_CLASSES}; remove one first: edgevision teach --forget NAME"
                )
            added = TaughtClass(self.next_number, checked_name(name), vectors[-MAX_FRAMES:])
            return replace(self, classes=(*self.classes, added), next_number=self.next_number + 1)
        all_ = vectors if anew else np.concatenate([known.vectors, vectors])
        more = replace(known, vectors=all_[-MAX_FRAMES:])
        return replace(self, classes=tuple(more if one is known else one for one in self.classes))

    def teach_background(self, vectors: Vectors, anew: bool = False) -> Overlay:
        """Return a copy with more frames (n, size) that show none of the classes."""
        known = [] if self.background is None or anew else [self.background]
        return replace(self, background=np.concatenate([*known, vectors])[-MAX_FRAMES:])

    def forget(self, name: str) -> Overlay:
        """Return a copy without a class."""
        return replace(self, classes=tuple(one for one in self.classes if one.name != name))

    def imprints(self, references: Vectors) -> Imprints | None:
        """Return the classes ready for comparison; None if nothing is taught. ``references``: other images, (n, size)."""
        if not self.classes:
            return None
        others = references if self.background is None else np.concatenate([references, self.background])
        return Imprints(self.classes, others)

    def dumps(self) -> str:
        """Return the JSON text."""
        background = [] if self.background is None else _encoded(self.background)
        value = {
            "schema": SCHEMA,
            "model_sha256": self.model_sha256,
            "size": self.size,
            "next_number": self.next_number,
            "classes": [{"number": c.number, "name": c.name, "frames": _encoded(c.vectors)} for c in self.classes],
            "background": background,
        }
        return dump(value, 1) + "\n"

    @classmethod
    def loads(cls, text: str | bytes, where: str) -> Overlay:
        """Parse the output of ``dumps``; ``where``: name for errors. Raises BadInput."""
        try:
            value = strict_json.loads(text, "it", MAX_BYTES)
        except BadInput as error:
            raise BadInput(f"{where} is not a file of taught classes: {error}") from None
        if not isinstance(value, dict) or value.get("schema") != SCHEMA:
            raise BadInput(f"{where} is not a file of taught classes: expected the schema {SCHEMA!r}")
        try:
            return _from_json(value)
        except (TypeError, ValueError, KeyError, AttributeError, OverflowError) as error:
            raise BadInput(f"{where} is damaged: {error}; move it away and teach again") from None

    def save(self, path: Path) -> None:
        """Write the file atomically. Raises CannotWrite."""
        write_text(path, self.dumps())


def load(path: Path) -> Overlay:
    """Load a saved file. Raises MissingFile, BadInput."""
    return Overlay.loads(read_file(path, "file of taught classes", MAX_BYTES), str(path))


def checked_name(name: str) -> str:
    """Return a name that fits in a list, a folder name or a log line. Raises BadInput."""
    if not name.strip() or len(name) > MAX_NAME or not name.isprintable() or name != name.strip():
        raise BadInput(f"invalid class name {name[: MAX_NAME + 1]!r}: use 1 to {MAX_NAME} printable characters")
    return name


def _encoded(vectors: Vectors) -> list[str]:
    return [base64.b64encode(vector.astype(_STORED).tobytes()).decode() for vector in vectors]


def _decoded(frames: Any, size: int) -> Vectors:
    if not isinstance(frames, list) or len(frames) > MAX_FRAMES:
        raise ValueError(f"frames must be a list of at most {MAX_FRAMES}")
    rows = [_row(text, size) for text in frames]
    return unit(np.stack(rows)) if rows else np.zeros((0, size), np.float32)


def _row(text: Any, size: int) -> Vectors:
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, TypeError, ValueError):
        raise ValueError("a frame is not base64 text") from None
    if len(data) != size * _STORED.itemsize:
        raise ValueError(f"expected {size * _STORED.itemsize} bytes per frame, got {len(data)}")
    row = np.frombuffer(data, _STORED).astype(np.float32)
    if not np.isfinite(row).all() or not row.any():
        raise ValueError("a vector is zero or not finite")
    return row


def _from_json(value: dict[str, Any]) -> Overlay:
    size, following = _whole(value["size"], MAX_EMBEDDING), _whole(value["next_number"], 2**31)
    classes = tuple(_class(one, size) for one in value["classes"])
    numbers, names = [one.number for one in classes], [one.name for one in classes]
    if len(classes) > MAX_CLASSES or len(set(numbers)) != len(numbers) or len(set(names)) != len(names):
        raise ValueError("duplicate classes, or too many")
    if numbers and max(numbers) >= following:
        raise ValueError("a class number is not below next_number")
    background = _decoded(value["background"], size)
    model = value["model_sha256"]
    if not isinstance(model, str) or len(model) != 64:
        raise ValueError("model_sha256 is invalid")
    return Overlay(model, size, classes, background if len(background) else None, following)


def _class(value: dict[str, Any], size: int) -> TaughtClass:
    if not isinstance(value["name"], str):
        raise TypeError("a name is not a string")
    vectors = _decoded(value["frames"], size)
    if not len(vectors):
        raise ValueError(f"{value['name']!r} has no frames")
    return TaughtClass(_whole(value["number"], 2**31), checked_name(value["name"]), vectors)


def _whole(value: Any, limit: int) -> int:
    if type(value) is not int or not 0 <= value <= limit:
        raise ValueError(f"{value!r} is not a whole number from 0 to {limit}")
    return value
