"""Running models on labeled images. Each image is read and decoded once, ahead of time, and all models see that frame."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..datasets.dataset import Item, Skipped, fingerprint
from ..errors import BadInput, BadModel
from ..types import Frame
from .reading import MAX_WAITING_PIXELS, ReadImage, read_ahead
from .scorers import Scorer

if TYPE_CHECKING:
    import numpy.typing as npt

    Scores = npt.NDArray[np.float32]

BATCH = 16
"""Images per batch; it ends early at ``MAX_WAITING_PIXELS``."""


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
    """The scores of models for a set of images."""

    items: tuple[Item, ...]
    """The n images that could be read."""
    scores: tuple[Scores, ...]
    """Scores of each model, 0..1, shape (n, classes)."""
    digests: tuple[str, ...]
    """sha256 of each file."""
    skipped: tuple[Skipped, ...]

    @property
    def fingerprint(self) -> str:
        """sha256 of the images and their labels."""
        return fingerprint((digest, item.labels) for digest, item in zip(self.digests, self.items, strict=True))

    def only(self, kept: Sequence[int]) -> Scored:
        """Return the images with these positions."""
        return Scored(
            tuple(self.items[at] for at in kept),
            tuple(rows[list(kept)] for rows in self.scores),
            tuple(self.digests[at] for at in kept),
            self.skipped,
        )


def score(scorers: Sequence[Scorer], items: Sequence[Item], step: Callable[[int], None] = lambda done: None) -> Scored:
    """Run every model on every image. ``step`` receives the number done. Raises BadInput, BadModel, EngineError."""
    kept: list[Item] = []
    digests: list[str] = []
    skipped: list[Skipped] = []
    found: list[list[Scores]] = [[] for _ in scorers]
    for batch in _batches(items, skipped):
        for scorer, rows in zip(scorers, found, strict=True):
            rows.append(_run(scorer, [one.frame for one in batch]))
        kept += [one.item for one in batch]
        digests += [one.digest for one in batch]
        step(len(kept) + len(skipped))
    if items and not kept:
        raise BadInput(f"none of the {len(items)} images can be read: {skipped[0].path}: {skipped[0].reason}")
    arrays = tuple(np.concatenate(rows) if rows else np.zeros((0, 0), np.float32) for rows in found)
    return Scored(tuple(kept), arrays, tuple(digests), tuple(skipped))


def _batches(items: Sequence[Item], skipped: list[Skipped]) -> Iterator[list[ReadImage[Item]]]:
    batch: list[ReadImage[Item]] = []
    pixels = 0
    for one in read_ahead(items, skipped):
        batch.append(one)
        pixels += one.frame.width * one.frame.height
        if len(batch) == BATCH or pixels >= MAX_WAITING_PIXELS:
            yield batch
            batch, pixels = [], 0
    if batch:
        yield batch


def _run(scorer: Scorer, frames: list[Frame]) -> Scores:
    scores = np.asarray(scorer.scores_batch(frames), np.float32)
    broken = np.flatnonzero(~np.isfinite(scores).all(axis=1))
    if len(broken):
        raise BadModel(f"the model {scorer.card.name!r} returned NaN or infinite scores for {frames[broken[0]].source}")
    return scores
