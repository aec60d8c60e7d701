"""What was taught to one model: names, and the vectors of the frames they were taught by, as one JSON file."""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from edgevision.card import MAX_EMBEDDING
from edgevision.embedding import unit
from edgevision.errors import BadInput, MissingFile
from edgevision.files import write_text
from edgevision.imprint import Imprints, TaughtClass

if TYPE_CHECKING:
    from edgevision.embedding import Vectors

SCHEMA = "edgevision.taught/1"
MAX_BYTES = 64 * 2**20
MAX_CLASSES = 1000
MAX_FRAMES = 200
"""Of a class, and of the background: the newest are kept."""
MAX_NAME = 100
_STORED = np.dtype("<f2")
"""Half precision: the cosines change by less than 0.001."""


@dataclass(frozen=True, slots=True, eq=False)
class Overlay:
    """Taught classes of one model."""

    model_sha256: str
    """Of the whole model file."""
    size: int
    """Values of a vector."""
    classes: tuple[TaughtClass, ...] = ()
    background: Vectors | None = None
    """Frames that show none of them, (n, size), of length 1."""
    next_number: int = 0
    """A number is given once, so that indices keep their meaning when a class is forgotten."""

    @property
    def names(self) -> tuple[str, ...]:
        """In the order in which they were taught."""
        return tuple(one.name for one in self.classes)

    def teach(self, name: str, vectors: Vectors, anew: bool = False) -> Overlay:
        """With more frames of a class, (n, size); ``anew``: instead of those it has. Raises BadInput."""
        known = next((one for one in self.classes if one.name == name), None)
        if known is None:
            if len(self.classes) >= MAX_CLASSES:
                raise BadInput(f"{MAX_CLASSES} classes are taught; forget one first: edgevision teach --forget NAME")
            added = TaughtClass(self.next_number, checked_name(name), vectors[-MAX_FRAMES:])
            return replace(self, classes=(*self.classes, added), next_number=self.next_number + 1)
        all_ = vectors if anew else np.concatenate([known.vectors, vectors])
        more = replace(known, vectors=all_[-MAX_FRAMES:])
        return replace(self, classes=tuple(more if one is known else one for one in self.classes))

    def teach_background(self, vectors: Vectors, anew: bool = False) -> Overlay:
        """With more frames that show none of the classes, (n, size)."""
        known = [] if self.background is None or anew else [self.background]
        return replace(self, background=np.concatenate([*known, vectors])[-MAX_FRAMES:])

    def forget(self, name: str) -> Overlay:
        """Without a class."""
        return replace(self, classes=tuple(one for one in self.classes if one.name != name))

    def imprints(self, references: Vectors) -> Imprints | None:
        """Ready to be compared with; None where nothing is taught. ``references``: of other pictures, (n, size)."""
        if not self.classes:
            return None
        others = references if self.background is None else np.concatenate([references, self.background])
        return Imprints(self.classes, others)

    def dumps(self) -> str:
        """The JSON text."""
        background = [] if self.background is None else _encoded(self.background)
        value = {
            "schema": SCHEMA,
            "model_sha256": self.model_sha256,
            "size": self.size,
            "next_number": self.next_number,
            "classes": [{"number": c.number, "name": c.name, "frames": _encoded(c.vectors)} for c in self.classes],
            "background": background,
        }
        return json.dumps(value, ensure_ascii=False, indent=1) + "\n"

    @classmethod
    def loads(cls, text: str | bytes, where: str) -> Overlay:
        """Reads what ``dumps`` wrote; ``where`` is named in errors. Raises BadInput."""
        try:
            value = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise BadInput(f"{where} holds no taught classes: it is no JSON ({error})") from None
        if not isinstance(value, dict) or value.get("schema") != SCHEMA:
            raise BadInput(f"{where} holds no taught classes of this version: its schema is not {SCHEMA!r}")
        try:
            return _from_json(value)
        except (TypeError, ValueError, KeyError, AttributeError, OverflowError) as error:
            raise BadInput(f"{where} is damaged: {error}; move it away and teach again") from None

    def save(self, path: Path) -> None:
        """Written aside and renamed. Raises CannotWrite."""
        write_text(path, self.dumps())


def load(path: Path) -> Overlay:
    """An overlay that was saved. Raises MissingFile, BadInput."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise BadInput(f"{path} has {path.stat().st_size / 1e6:.0f} MB; no taught classes are that large")
        return Overlay.loads(path.read_bytes(), str(path))
    except FileNotFoundError:
        raise MissingFile(f"no such file of taught classes: {path}") from None


def checked_name(name: str) -> str:
    """A name that can stand in a list, a folder name or a line of a log. Raises BadInput."""
    if not name.strip() or len(name) > MAX_NAME or not name.isprintable() or name != name.strip():
        raise BadInput(f"a class is named by 1 to {MAX_NAME} printable letters, not {name[: MAX_NAME + 1]!r}")
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
        raise ValueError("a frame is no base64 text") from None
    if len(data) != size * _STORED.itemsize:
        raise ValueError(f"a frame has {len(data)} bytes, not {size * _STORED.itemsize}")
    row = np.frombuffer(data, _STORED).astype(np.float32)
    if not np.isfinite(row).all() or not row.any():
        raise ValueError("a frame holds no direction")
    return row


def _from_json(value: dict[str, Any]) -> Overlay:
    size, following = _whole(value["size"], MAX_EMBEDDING), _whole(value["next_number"], 2**31)
    classes = tuple(_class(one, size) for one in value["classes"])
    numbers, names = [one.number for one in classes], [one.name for one in classes]
    if len(classes) > MAX_CLASSES or len(set(numbers)) != len(numbers) or len(set(names)) != len(names):
        raise ValueError("a class is in it twice, or there are too many")
    if numbers and max(numbers) >= following:
        raise ValueError("a class has a number that was never given")
    background = _decoded(value["background"], size)
    model = value["model_sha256"]
    if not isinstance(model, str) or len(model) != 64:
        raise ValueError("it does not say of which model")
    return Overlay(model, size, classes, background if len(background) else None, following)


def _class(value: dict[str, Any], size: int) -> TaughtClass:
    if not isinstance(value["name"], str):
        raise TypeError("a name is no text")
    vectors = _decoded(value["frames"], size)
    if not len(vectors):
        raise ValueError(f"{value['name']!r} has no frames")
    return TaughtClass(_whole(value["number"], 2**31), checked_name(value["name"]), vectors)


def _whole(value: Any, limit: int) -> int:
    if type(value) is not int or not 0 <= value <= limit:
        raise ValueError(f"{value!r} is no whole number from 0 to {limit}")
    return value
