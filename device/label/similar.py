"""Groups of near-duplicates, found on a thread: one answer counts for a group."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from threading import Event, Thread

from edgevision.datasets.dataset import Dataset, Item
from edgevision.datasets.folder_layout import UNSORTED
from edgevision.datasets.readers import FolderSource
from edgevision.errors import EdgeVisionError
from edgevision.log import Log

from .form import Found

log = Log("edgevision.label")


class Similar:
    """Looks for near-duplicates among images; until it has finished, every image is on its own."""

    def __init__(self, root: Path, found: Sequence[Found], only_equal: bool) -> None:
        """``only_equal``: group equal files only, because boxes of a mirrored or scaled copy are elsewhere."""
        self._root, self._only_equal = root, only_equal
        self._found = [one for one in found if not one.state.is_discarded]
        self._groups: dict[str, str] = {}
        self._closing = Event()
        self.checked = 0
        """Number of images read so far."""
        self.total = len(self._found)
        self.finished = Event()
        """Set at the end."""

    def start(self) -> None:
        """Look for them on a thread of its own, unless they are known."""
        if self.finished.is_set():
            return
        Thread(target=self.run, name="label similar", daemon=True).start()

    def close(self) -> None:
        """End the search."""
        self._closing.set()

    def run(self) -> None:
        """Look for them now."""
        try:
            self._groups = self.find()
        except (_Closed, EdgeVisionError, OSError) as error:
            log.info("near-duplicates are not grouped: %s", error)
        self.finished.set()

    def group_of(self, original: str) -> str | None:
        """Return the group of an image, by the path that it had when the search began; None for an image on its own."""
        return self._groups.get(original)

    def find(self) -> dict[str, str]:
        """Return path -> group of the images that are not on their own. Raises BadInput."""
        from edgevision.datasets.check import check

        if len(self._found) < 2:
            return {}
        source = FolderSource(self._root, listed=False)
        items = tuple(
            Item(one.state.path, (one.state.label or UNSORTED,), one.split, source)
            for one in sorted(self._found, key=lambda found: found.state.path)
        )
        classes = tuple(sorted({name for item in items for name in item.labels}))
        report = check(Dataset(self._root, "label", items, classes, False), self._step)
        if not self._only_equal:
            return dict(report.groups)
        exact = [one for one in report.duplicates if one.kind == "exact"]
        return {item.path: f"e{number}" for number, one in enumerate(exact) for item in one.items}

    def _step(self, done: int) -> None:
        self.checked = done
        if self._closing.is_set():
            raise _Closed("the page was closed")


class _Closed(Exception):
    """Raised to end the search."""
