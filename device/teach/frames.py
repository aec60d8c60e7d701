"""Takes frames of a class from a camera, a video or a folder, and their embeddings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from edgevision.datasets import perceptual_hash
from edgevision.postprocessing.temporal import time_of
from edgevision.types import Frame

from ..stream.events import Unreadable

if TYPE_CHECKING:
    from edgevision.model import Model
    from edgevision.postprocessing.feature_vector import Vectors

    from ..stream.protocols import Source


@dataclass(slots=True)
class Taken:
    """Vectors of the usable frames, and what was left out."""

    vectors: list[Vectors] = field(default_factory=list)
    blank: int = 0
    """Number of blank frames: nearly uniform in color."""
    unreadable: list[str] = field(default_factory=list)


def take(
    source: Source, model: Model, count: int, every_s: float, step: Callable[[int], None] = lambda done: None
) -> Taken:
    """Return up to ``count`` vectors, of frames at least ``every_s`` seconds apart if frames have a time.

    ``step``: called with the number so far. Closes the source. Raises CameraLost, BadModel, EngineError.
    """
    taken = Taken()
    after: float | None = None
    try:
        for item in source:
            if isinstance(item, Unreadable):
                taken.unreadable.append(item.message)
            elif isinstance(item, Frame):
                at = time_of(item)
                if at is not None and after is not None and at < after:
                    continue
                after = None if at is None else at + every_s
                _look(item, model, taken)
                step(len(taken.vectors))
            if len(taken.vectors) >= count:
                break
    finally:
        source.close()
    return taken


def _look(frame: Frame, model: Model, taken: Taken) -> None:
    if perceptual_hash.is_flat(perceptual_hash.thumbnail(frame)[np.newaxis])[0]:
        taken.blank += 1
        return
    vector = model.embed(frame)
    if vector.any():
        taken.vectors.append(vector)
