"""Several sets of labeled images as one, such as the photos of a model and those collected since."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ..errors import BadInput
from ..preprocessing.image_folder import HEAD_BYTES
from .dataset import Dataset, Item, Skipped
from .readers import FileContainer


class PrefixedSource:
    """A container of files whose names begin with a prefix."""

    def __init__(self, inner: FileContainer, prefix: str) -> None:
        self._inner, self._prefix = inner, prefix
        self.path = inner.path
        self.files = tuple(prefix + name for name in inner.files)
        self.folders = frozenset(prefix + name for name in inner.folders)
        self.notes = inner.notes

    def has(self, name: str) -> bool:
        """Return whether there is a file with this name."""
        return name.startswith(self._prefix) and self._inner.has(self.inside(name))

    def head(self, name: str, count: int = HEAD_BYTES) -> bytes:
        """Return the first ``count`` bytes of a file; empty if it cannot be read."""
        return self._inner.head(self.inside(name), count)

    def read(self, name: str) -> bytes:
        """Read a file. Raises MissingFile, BadImage."""
        return self._inner.read(self.inside(name))

    def inside(self, name: str) -> str:
        """Return a name without the prefix."""
        return name.removeprefix(self._prefix)


def prefix_of(number: int) -> str:
    """Return the beginning of the paths of the ``number``-th set, counted from 1; the first one has none."""
    return "" if number == 1 else f"photos-{number}/"


def merge(sets: Sequence[Dataset], classes: Sequence[str]) -> Dataset:
    """Return several sets as one. Paths of the first stay as they are, those of the second begin with ``photos-2/``.

    Args:
        sets: The sets, the oldest first. The result has the path and the layout of the last one.
        classes: Names of the first classes, in this order; other names follow, sorted.

    Raises:
        BadInput: A path of the first set looks like one of another set.
    """
    items = [item for number, one in enumerate(sets, 1) for item in _prefixed(one.items, prefix_of(number))]
    unlabeled = [item for number, one in enumerate(sets, 1) for item in _prefixed(one.unlabeled, prefix_of(number))]
    paths = {item.path for item in items}
    if len(paths) < len(items):
        raise BadInput(f"{sets[0].path} has a folder photos-N of its own, as photos added later are named; rename it")
    skipped = [
        Skipped(prefix_of(number) + left.path, left.reason)
        for number, one in enumerate(sets, 1)
        for left in one.skipped
    ]
    found = {label for item in items for label in item.labels}
    return Dataset(
        path=sets[-1].path,
        layout=sets[-1].layout,
        items=tuple(sorted(items, key=lambda item: item.path)),
        classes=(*classes, *sorted(found.difference(classes))),
        multilabel=any(one.multilabel for one in sets),
        skipped=tuple(skipped),
        notes=tuple(dict.fromkeys(line for one in sets for line in one.notes)),
        warnings=tuple(dict.fromkeys(line for one in sets for line in one.warnings)),
        unlabeled=tuple(unlabeled),
    )


def original_path(item: Item) -> str:
    """Return the path of an image with that of its folder or zip, as a user finds it."""
    source = item.source
    inside = source.inside(item.path) if isinstance(source, PrefixedSource) else item.path
    return f"{source.path}/{inside}"


def _prefixed(items: Sequence[Item], prefix: str) -> list[Item]:
    if not prefix:
        return list(items)
    sources: dict[int, PrefixedSource] = {}
    found = []
    for item in items:
        source = sources.setdefault(id(item.source), PrefixedSource(item.source, prefix))
        found.append(replace(item, path=prefix + item.path, source=source))
    return found
