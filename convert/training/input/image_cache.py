"""Cache of preprocessed images, in memory or on disk if they fit; otherwise they are preprocessed each time."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from edgevision.datasets.dataset import Item
from edgevision.engines.interpreter import available_cpus
from edgevision.errors import CannotWrite
from edgevision.log import Log
from edgevision.preprocessing import transform
from edgevision.preprocessing.spec import Preprocessing

if TYPE_CHECKING:
    import numpy.typing as npt

    from edgevision.types import Pixels

log = Log("edgevision.train")
MEMORY_SHARE = 0.4
"""Largest share of the free memory for the cache."""
DISK_SHARE = 0.8
"""Largest share of the free disk space for the cache."""
FILE = "pixels.cache"
"""Name of the cache in run folders of earlier versions, which a new training removes."""
Note = Callable[[str], None]
Progress = Callable[[int], None]


class PixelSource(Protocol):
    """Preprocessed images by number."""

    place: str
    """Where the images are cached: memory, disk or none."""

    def __len__(self) -> int:
        """Return the number of images."""

    def rows(self, indices: npt.NDArray[np.intp]) -> Pixels:
        """Return the images uint8 (n, height, width, channels), in the channel order of the preprocessing."""

    def close(self) -> None:
        """Free the cache."""


class KeptPixels:
    """All images in one array, in memory or memory-mapped from a file without a name."""

    def __init__(self, array: Pixels, place: str) -> None:
        self.array, self.place = array, place

    def __len__(self) -> int:
        return len(self.array)

    def rows(self, indices: npt.NDArray[np.intp]) -> Pixels:
        """See ``PixelSource``."""
        return self.array[indices]

    def close(self) -> None:
        """See ``PixelSource``."""
        self.array = np.empty((0, *self.array.shape[1:]), np.uint8)  # the last reference: frees memory and disk


class FreshPixels:
    """Images that are decoded and resized on every access."""

    place = "none"

    def __init__(self, items: Sequence[Item], preprocessing: Preprocessing) -> None:
        self._items, self._rule = items, preprocessing
        self._pool = ThreadPoolExecutor(available_cpus())

    def __len__(self) -> int:
        return len(self._items)

    def rows(self, indices: npt.NDArray[np.intp]) -> Pixels:
        """See ``PixelSource``."""
        return np.stack(list(self._pool.map(self._prepare, indices)))

    def close(self) -> None:
        """See ``PixelSource``."""
        self._pool.shutdown()

    def _prepare(self, index: int) -> Pixels:
        return transform.pixels(self._items[index].read(), self._rule)


def open_pixels(
    items: Sequence[Item],
    preprocessing: Preprocessing,
    place: str,
    folder: Path,
    note: Note,
    progress: Progress = lambda done: None,
) -> PixelSource:
    """Preprocess all images and cache them; ``place`` is auto, memory, disk or none, and ``folder`` holds the disk cache.

    Calls ``note`` with the reason if they do not fit. Raises BadImage.
    """
    fresh = FreshPixels(items, preprocessing)
    need = len(items) * preprocessing.height * preprocessing.width * preprocessing.channels
    for candidate in {"auto": ("memory", "disk"), "none": ()}.get(place, (place,)):
        reason = _no_memory(need) if candidate == "memory" else _no_space(need, folder)
        if reason is None:
            try:
                kept = _keep(fresh, preprocessing, candidate, folder, progress)
                log.info("%d preprocessed images (%.1f MB) cached %s", len(items), need / 1e6, _WHERE[candidate])
                return kept
            except CannotWrite as error:
                reason = str(error)
        note(f"cannot cache the preprocessed images ({need / 1e6:.1f} MB) {_WHERE[candidate]}: {reason}")
    if place != "none":
        note("every epoch decodes the images again: slower, but with the same result")
    return fresh


def new_pixels(count: int, preprocessing: Preprocessing, folder: Path, note: Note) -> Pixels:
    """Return an array for ``count`` images, uint8 (count, height, width, channels): in memory if it fits, else on disk.

    Calls ``note`` with the reason if it does not fit. Raises CannotWrite.
    """
    shape = (count, preprocessing.height, preprocessing.width, preprocessing.channels)
    need = int(np.prod(shape))
    reason = _no_memory(need)
    if reason is None:
        return np.empty(shape, np.uint8)
    note(f"{count} images ({need / 1e6:.1f} MB) are kept in {folder}: {reason}")
    return _mapped(folder, shape)


_WHERE = {"memory": "in memory", "disk": "on disk"}


def _keep(fresh: FreshPixels, preprocessing: Preprocessing, place: str, folder: Path, progress: Progress) -> KeptPixels:
    shape = (len(fresh), preprocessing.height, preprocessing.width, preprocessing.channels)
    array = _mapped(folder, shape) if place == "disk" else np.empty(shape, np.uint8)
    step = 64
    for start in range(0, len(fresh), step):
        some = np.arange(start, min(start + step, len(fresh)))
        array[some] = fresh.rows(some)
        progress(start + len(some))
    fresh.close()
    return KeptPixels(array, place)


def _mapped(folder: Path, shape: tuple[int, ...]) -> Pixels:
    """Create a memory-mapped file for an array of this shape. Raises CannotWrite.

    It has no name, so that no other training and no link can share it, and it is gone when the process ends, even killed.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as stream:
            # Allocate the space now: writing to a mapped file on a full disk kills the process.
            os.posix_fallocate(stream.fileno(), 0, int(np.prod(shape)))
            return np.memmap(stream, np.uint8, "r+", shape=shape)
    except OSError as error:
        raise CannotWrite(f"{error.strerror} in {folder}") from None


def _no_memory(need: int) -> str | None:
    free = free_memory()
    if need <= free * MEMORY_SHARE:
        return None
    return f"only {free / 1e6:.1f} MB are free, of which {MEMORY_SHARE:.0%} may be used"


def _no_space(need: int, folder: Path) -> str | None:
    existing = folder
    while not existing.exists():
        existing = existing.parent
    free = shutil.disk_usage(existing).free
    return None if need <= free * DISK_SHARE else f"only {free / 1e6:.1f} MB are free in {existing}"


def free_memory() -> int:
    """Return the bytes available without swapping: the smaller of the machine's and the control group's."""
    found = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        found = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
        limit = int(Path("/sys/fs/cgroup/memory.max").read_text())
        used = int(Path("/sys/fs/cgroup/memory.current").read_text())
        return min(found, max(0, limit - used))
    except (OSError, ValueError, StopIteration):
        return found
