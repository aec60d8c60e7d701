"""The negatives of a training, divided into those that teach, those that choose the threshold and those that measure it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path

from edgevision.datasets.dataset import Item, read_unlabelled
from edgevision.errors import BadInput, MissingFile
from edgevision.preprocessing.decode import encode_jpeg

from ...synthetic.negatives import draw_negatives
from ..input.unlabeled import usable
from ..monitor.observer import TrainingObserver

DRAWN = "drawn"
"""Value of ``--negatives`` for the bundled set."""
DRAWN_COUNT = 200
DRAWN_SEED = 17
MIN_NEGATIVES = 20
JPEG_QUALITY = 90


@dataclass(frozen=True, slots=True)
class NegativeSets:
    """Images of none of the classes. No image, and no copy of one, is in two parts."""

    source: str
    """The name of the folder or zip, or DRAWN."""
    teach: tuple[Item, ...]
    """Images from which a linear head learns to be unsure."""
    choose: tuple[Item, ...]
    """Images that choose the threshold."""
    measure: tuple[Item, ...]
    """Images that measure it."""

    @property
    def drawn(self) -> bool:
        """Whether they are the bundled drawings, which say less about photos."""
        return self.source == DRAWN


def open_negatives(given: str, linear: bool, photos: Iterable[Item], watcher: TrainingObserver) -> NegativeSets:
    """Return the negatives of a folder or zip, or the drawn ones, without unreadable ones and copies of ``photos``.

    ``linear``: whether a linear head learns from half of them. Raises MissingFile, BadInput.
    """
    items = _drawn_items() if given == DRAWN else _items_of(Path(given), photos, watcher)
    if len(items) < MIN_NEGATIVES:
        raise BadInput(
            f"--negatives {given} has too few images of its own that can be read ({len(items)} of at least {MIN_NEGATIVES}); "
            f"add images of none of the classes, better 200, or pass --negatives {DRAWN}"
        )
    digests = {item.path: sha256(item.data()).digest() for item in items}
    parts: dict[int, list[Item]] = {0: [], 1: [], 2: [], 3: []}
    for item in items:
        parts[digests[item.path][0] % 4].append(item)
    teach = (*parts[0], *parts[1]) if linear else ()
    choose = tuple(parts[2]) if linear else (*parts[0], *parts[2])
    measure = tuple(parts[3]) if linear else (*parts[1], *parts[3])
    if not choose or not measure:
        raise BadInput(f"--negatives {given} has too few different images; add images of none of the classes")
    return NegativeSets(given if given == DRAWN else Path(given).name, teach, choose, measure)


def _items_of(path: Path, photos: Iterable[Item], watcher: TrainingObserver) -> tuple[Item, ...]:
    """Return the usable images of a folder or zip. Raises MissingFile, BadInput."""
    items, notes = read_unlabelled(path)
    for note in notes:
        watcher.note(f"negatives: {note}")
    return usable(items, photos, watcher, "negatives")


class _Drawings:
    """The drawn negatives as a container of files in memory."""

    path = Path(DRAWN)
    folders: frozenset[str] = frozenset()
    notes: tuple[str, ...] = ()

    def __init__(self) -> None:
        drawn = draw_negatives(DRAWN_COUNT, DRAWN_SEED)
        self._files = {f"{number:03d}.jpg": encode_jpeg(frame, JPEG_QUALITY) for number, frame in enumerate(drawn)}
        self.files = tuple(self._files)

    def has(self, name: str) -> bool:
        return name in self._files

    def head(self, name: str, count: int = 32) -> bytes:
        return self._files.get(name, b"")[:count]

    def read(self, name: str) -> bytes:
        if name not in self._files:
            raise MissingFile(f"{name} is not one of the {len(self.files)} drawn negatives")
        return self._files[name]


@cache
def _drawn_items() -> tuple[Item, ...]:
    drawings = _Drawings()
    return tuple(Item(name, (), None, drawings) for name in drawings.files)
