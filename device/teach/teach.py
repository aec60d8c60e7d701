"""``edgevision teach``: a new class from a few frames, and the care of what was taught before."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from edgevision.errors import BadInput, UnknownName, nearest
from edgevision.files import require_absent

from ..state import taught_file
from .frames import Taken, take
from .known import load_for, references
from .overlay import Overlay, checked_name

if TYPE_CHECKING:
    from edgevision.imprint import Fit
    from edgevision.model import Model

    from ..protocols import Source

FEW = 3
"""Frames below which a class is hardly known (measured: docs/teach.md)."""


@dataclass(frozen=True, slots=True)
class Lesson:
    """How a class stands after a lesson."""

    name: str | None
    """None: the background."""
    frames: int
    """In this lesson."""
    total: int
    """Of the class, with those from before."""
    fit: Fit | None
    """How well it can be told from other things; None of the background."""
    notes: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        fit = self.fit
        return {
            "name": self.name,
            "frames": self.frames,
            "total": self.total,
            "typical": None if fit is None else round(fit.typical, 4),
            "rival": None if fit is None else round(fit.rival, 4),
            "separable": None if fit is None else fit.separable,
        }


class Teacher:
    """The overlay of one open model."""

    def __init__(self, model: Model, folder: Path) -> None:
        """``folder``: for state. Raises BadModel where the model gives no embedding, BadInput for a damaged overlay."""
        self.model = model
        self.path = taught_file(model.sha256, folder)
        self._references = references(model)
        size = self._references.shape[1]
        self.overlay = load_for(model, self.path) if self.path.exists() else Overlay(model.sha256, size)

    def teach(
        self, name: str | None, source: Source, count: int, every_s: float, anew: bool, step: Callable[[int], None]
    ) -> Lesson:
        """Takes frames and saves what they are taught to; None: the background. Closes the source. Raises BadInput."""
        try:
            self._refuse_own(name)
        except BadInput:
            source.close()
            raise
        taken = take(source, self.model, count, every_s, step)
        if not taken.vectors:
            raise BadInput(f"nothing to learn from in {source.spec}: {_why_nothing(taken)}")
        vectors = np.stack(taken.vectors)
        known = self.overlay
        self._save(known.teach_background(vectors, anew) if name is None else known.teach(name, vectors, anew))
        return self._lesson(name, taken)

    def forget(self, name: str) -> None:
        """Raises UnknownName."""
        known = list(self.overlay.names)
        if name not in known:
            said = f"; taught: {', '.join(known)}" if known else "; nothing is taught"
            raise UnknownName(f"no class {name!r} was taught to {self.model.path}{nearest(name, known) or said}")
        self._save(self.overlay.forget(name))

    def export(self, path: Path, overwrite: bool) -> None:
        """Writes a copy of the overlay. Raises BadInput where nothing is taught, OutputExists, CannotWrite."""
        if not self.overlay.classes:
            raise BadInput(f"nothing was taught to {self.model.path} yet")
        require_absent(path, overwrite)
        self.overlay.save(path)

    def take_over(self, path: Path) -> tuple[str, ...]:
        """Replaces the overlay by one that was exported; its names. Raises MissingFile, BadInput."""
        overlay = load_for(self.model, path)
        self._save(overlay)
        return overlay.names

    def fits(self) -> dict[str, Fit]:
        """How well each taught class can be told from other things."""
        imprints = self.overlay.imprints(self._references)
        return {} if imprints is None else dict(zip(self.overlay.names, imprints.fits, strict=True))

    def _save(self, overlay: Overlay) -> None:
        overlay.save(self.path)
        self.overlay = overlay

    def _refuse_own(self, name: str | None) -> None:
        if name is None:
            return
        if checked_name(name) in self.model.card.labels:
            raise BadInput(f"{name!r} is a class that {self.model.path} has itself; choose another name")

    def _lesson(self, name: str | None, taken: Taken) -> Lesson:
        notes = list(taken.unreadable[:3])
        if taken.blank:
            notes.append(f"{taken.blank} frames left out: nearly one colour all over")
        if name is None:
            background = self.overlay.background
            return Lesson(None, len(taken.vectors), 0 if background is None else len(background), None, tuple(notes))
        (known,) = (one for one in self.overlay.classes if one.name == name)
        total, fit = len(known.vectors), self.fits()[name]
        if total < FEW:
            notes.append(f"{total} is few: with 10 frames from different sides it will be known far better")
        if not fit.separable:
            notes.append(
                f"{name!r} looks much like other things (similarity {fit.typical:.2f}, theirs {fit.rival:.2f}): hold it "
                "closer, from several sides"
            )
        return Lesson(name, len(taken.vectors), total, fit, tuple(notes))


def _why_nothing(taken: Taken) -> str:
    if taken.unreadable:
        return f"{len(taken.unreadable)} pictures cannot be read, the first: {taken.unreadable[0]}"
    return f"{taken.blank} frames are nearly one colour all over" if taken.blank else "it gave no frames"
