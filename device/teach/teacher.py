"""``edgevision teach``: teaches a new class from a few frames, and manages taught classes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from edgevision.errors import BadInput, UnknownName, nearest
from edgevision.files.atomic import require_absent
from edgevision.files.state_folder import taught_file
from edgevision.log import Log

from .apply import load_for, references
from .frames import Taken, take
from .store import Overlay, checked_name

if TYPE_CHECKING:
    from edgevision.model import Model
    from edgevision.postprocessing.imprinting import Fit

    from ..stream.protocols import Source

log = Log("edgevision.teach")
FEW = 3
"""Number of frames below which a class is unreliable (measured: docs/research/teach.md)."""


@dataclass(frozen=True, slots=True)
class Lesson:
    """State of a class after a lesson."""

    name: str | None
    """None: the background."""
    frames: int
    """Number of frames in this lesson."""
    total: int
    """Total number of frames of the class."""
    fit: Fit | None
    """How well it is separated from other things; None for the background."""
    notes: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
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
    """Manages the taught classes of one open model."""

    def __init__(self, model: Model, folder: Path) -> None:
        """``folder``: state folder. Raises BadModel if the model has no embedding, BadInput for a damaged file."""
        self.model = model
        self.path = taught_file(model.sha256, folder)
        self._references = references(model)
        size = self._references.shape[1]
        self.overlay = load_for(model, self.path) if self.path.exists() else Overlay(model.sha256, size)

    def teach(
        self, name: str | None, source: Source, count: int, every_s: float, anew: bool, step: Callable[[int], None]
    ) -> Lesson:
        """Take frames, add them to a class and save; ``name`` None: the background. Closes the source. Raises BadInput."""
        try:
            self.require_new(name)
        except BadInput:
            source.close()
            raise
        taken = take(source, self.model, count, every_s, step)
        if not taken.vectors:
            raise BadInput(f"no usable frames in {source.spec}: {_why_nothing(taken)}")
        vectors = np.stack(taken.vectors)
        log.info(
            "%s: %d frames used, %d nearly uniform, %d unreadable",
            name or "background",
            len(vectors),
            taken.blank,
            len(taken.unreadable),
        )
        known = self.overlay
        self._save(known.teach_background(vectors, anew) if name is None else known.teach(name, vectors, anew))
        return self._lesson(name, taken)

    def forget(self, name: str) -> None:
        """Remove a class. Raises UnknownName."""
        known = list(self.overlay.names)
        if name not in known:
            said = f"; taught: {', '.join(known)}" if known else "; nothing is taught"
            raise UnknownName(f"unknown class {name!r} of {self.model.path}{nearest(name, known) or said}")
        self._save(self.overlay.forget(name))

    def export(self, path: Path, overwrite: bool) -> None:
        """Write a copy of the taught classes. Raises BadInput if nothing is taught, OutputExists, CannotWrite."""
        if not self.overlay.classes:
            raise BadInput(f"no classes to export: nothing was taught to {self.model.path} yet")
        require_absent(path, overwrite)
        self.overlay.save(path)

    def take_over(self, path: Path) -> tuple[str, ...]:
        """Replace the taught classes by an exported file; return their names. Raises MissingFile, BadInput."""
        overlay = load_for(self.model, path)
        self._save(overlay)
        return overlay.names

    def fits(self) -> dict[str, Fit]:
        """Return how well each taught class is separated from other things."""
        imprints = self.overlay.imprints(self._references)
        return {} if imprints is None else dict(zip(self.overlay.names, imprints.fits, strict=True))

    def _save(self, overlay: Overlay) -> None:
        overlay.save(self.path)
        log.info("wrote %s", self.path)
        self.overlay = overlay

    def require_new(self, name: str | None) -> None:
        """Check that a name can be taught; None: the background. Raises BadInput."""
        if name is None:
            return
        if checked_name(name) in self.model.card.labels:
            raise BadInput(f"{name!r} is already a class of {self.model.path}; choose another name")

    def _lesson(self, name: str | None, taken: Taken) -> Lesson:
        notes = list(taken.unreadable[:3])
        if taken.blank:
            notes.append(f"{taken.blank} frames left out: nearly uniform in color")
        if name is None:
            background = self.overlay.background
            return Lesson(None, len(taken.vectors), 0 if background is None else len(background), None, tuple(notes))
        (known,) = (one for one in self.overlay.classes if one.name == name)
        total, fit = len(known.vectors), self.fits()[name]
        if total < FEW:
            notes.append(f"only {total} frames: recognition improves much with 10 frames from different sides")
        if not fit.separable:
            notes.append(
                f"{name!r} looks much like other things (similarity {fit.typical:.2f}, theirs {fit.rival:.2f}): show it closer, "
                "from several sides"
            )
        return Lesson(name, len(taken.vectors), total, fit, tuple(notes))


def _why_nothing(taken: Taken) -> str:
    if taken.unreadable:
        return f"{len(taken.unreadable)} unreadable images, first: {taken.unreadable[0]}"
    return f"{taken.blank} frames are nearly uniform in color" if taken.blank else "it has no frames"
